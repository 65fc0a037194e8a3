"""Traces as they come: incomplete, skewed, out of order, cyclic. A usable draft, with warnings at its places."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from functools import cache

import pytest

import msforge
from msforge.draft import Draft, draft
from msforge.model.plan import System, Verb
from msforge.traces import Link, Span, read
from tests.draft.systems import drafted, run, shapes


@cache
def whole() -> tuple[Span, ...]:
    return tuple(read(msforge.export_traces(run("shop")).encode()).spans)


def changed(change: Callable[[Span], Span | None]) -> list[Span]:
    copies = (change(dataclasses.replace(span)) for span in whole())
    return [span for span in copies if span is not None]


def simulates(made: Draft) -> System:
    """A draft is checked and run before it is looked at."""
    system = drafted(made.text)
    from msforge.spec import load_text

    result = msforge.simulate(load_text(made.text), replications=1, processes=1)
    assert sum(entry.counts.answered for entry in result.entries) > 0
    return system


def said(made: Draft, word: str) -> bool:
    return any(word in line for line in made.warnings) and any(
        word in line for line in made.text.splitlines() if line.lstrip().startswith("#")
    )


PLACE = (("parallel", (("call", "product.reserve"),), (("call", "user.address"),)), ("call", "payment.charge"),
         ("write", "orders-db"), ("publish", "order-placed"))


def test_order_of_the_spans_in_the_file_does_not_matter() -> None:
    mixed = list(whole())
    random.Random(7).shuffle(mixed)
    found = shapes(drafted(draft(mixed, origin="x").text))
    assert found == shapes(drafted(draft(whole(), origin="x").text))
    assert found["order.place"] == PLACE


def test_a_clock_that_is_wrong_changes_no_order_and_is_said() -> None:
    def skewed(span: Span) -> Span:
        if span.service == "payment":
            span.begin, span.end = span.begin - 3_000_000_000, span.end - 3_000_000_000
        return span

    made = draft(changed(skewed), origin="x")
    system = simulates(made)
    assert shapes(system)["order.place"] == PLACE
    assert said(made, "clock skew")
    assert system.network.latency.mean == pytest.approx(0.43e6, rel=0.3)


def test_clients_spans_may_be_missing_altogether() -> None:
    """As the generated services trace: a server's span lies right below its caller's server's."""
    above = {(span.trace, span.span): span for span in whole()}

    def bare(span: Span) -> Span | None:
        if span.kind == "client" and "http.request.method" in span.attributes:
            return None
        parent = above.get((span.trace, span.parent))
        if parent is not None and parent.kind == "client":
            span.parent = parent.parent
        return span

    found = shapes(simulates(draft(changed(bare), origin="x")))
    assert found["order.place"] == PLACE
    assert found["gateway.checkout"] == (("call", "user.authenticate"), ("call", "order.place"))


def test_a_part_of_the_spans_is_missing() -> None:
    dice = random.Random(3)
    made = draft(changed(lambda span: span if dice.random() < 0.9 else None), origin="x")
    system = simulates(made)
    assert said(made, "incomplete")
    assert {service.name for service in system.services} >= {"gateway", "order", "payment", "user", "product"}
    calls = {(edge.caller, edge.callee) for edge in system.edges}
    names = {(system.body_name(a), system.body_name(b)) for a, b in calls}
    assert {("gateway.checkout", "order.place"), ("order.place", "payment.charge")} <= names


def test_a_service_that_sends_no_spans_is_outside() -> None:
    made = draft(changed(lambda span: None if span.service == "payment" else span), origin="x")
    system = simulates(made)
    [outside] = [service for service in system.services if service.external]
    assert outside.name == "payment"
    assert said(made, "no spans of its own")
    [wait] = [step for step in system.steps if step.service == outside.index and step.verb == Verb.WAIT]
    assert wait.dist is not None
    assert wait.dist.mean == pytest.approx(75e6, rel=0.25)  # 61 ms and the tail of its lognormal, and the way


def test_spans_that_are_their_own_ancestors() -> None:
    spans = list(changed(lambda span: span))
    of: dict[str, list[Span]] = {}
    for span in spans:
        of.setdefault(span.trace, []).append(span)
    for members in list(of.values())[:20]:
        root = next(span for span in members if not span.parent and span.kind == "client")
        root.parent = next(span.span for span in members if span.name == "POST /charges" and span.kind == "server")
    made = draft(spans, origin="x")
    assert said(made, "cyclic")
    assert shapes(simulates(made))["order.place"] == PLACE


def test_endpoints_that_call_each_other_in_a_circle() -> None:
    spans = []
    for number in range(20):
        trace, at = f"{number + 1:032x}", number * 1_000_000_000
        chain = [("a", "ask"), ("b", "ask"), ("a", "ask"), ("b", "ask")]
        for depth, (service, name) in enumerate(chain):
            parent = f"{depth:016x}" if depth else ""
            spans.append(Span(trace, f"{depth + 1:016x}", parent, name, "server", at + depth * 1_000_000,
                              at + 20_000_000 - depth * 1_000_000, service))
    made = draft(spans, origin="x")
    assert said(made, "leads back to it")
    assert {service.name for service in simulates(made).services} == {"a", "b"}


def test_one_trace_alone() -> None:
    first = whole()[0].trace
    made = draft([span for span in whole() if span.trace == first], origin="x")
    assert said(made, "a single request says nothing of the rate")
    assert said(made, "from 1 request only")
    assert shapes(simulates(made))["order.place"] == PLACE


def test_retries_timeouts_and_what_makes_up_for_a_failure() -> None:
    spans = []
    for number in range(60):
        trace, at = f"{number + 1:032x}", number * 500_000_000
        fails = number % 3 == 0
        spans.append(Span(trace, "01".zfill(16), "", "GET /", "server", at, at + 200_000_000, "web",
                          attributes={"http.request.method": "GET", "http.route": "/"}))
        begin = at + 1_000_000
        for turn in range(2 if fails else 1):
            took = 50_000_000 if fails else 20_000_000
            spans.append(Span(trace, f"{turn + 2:016x}", "01".zfill(16), "GET /ads", "client", begin, begin + took,
                              "web", failed=fails, attributes={"http.request.method": "GET", "url.path": "/ads",
                                                        "server.address": "ads", "error.type": "timeout"}))
            begin += took + 10_000_000
    made = draft(spans, origin="x")
    assert "timeout: 50ms" in made.text
    assert "retry: {attempts: 2, backoff: 10ms}" in made.text
    assert "fallback: {}" in made.text
    [service] = [service for service in simulates(made).services if service.external]
    assert service.name == "ads"


def test_requests_that_go_different_ways_have_a_choice() -> None:
    spans = []
    for number in range(200):
        trace, at = f"{number + 1:032x}", number * 100_000_000
        spans.append(Span(trace, "01".zfill(16), "", "go", "server", at, at + 50_000_000, "a"))
        ways = ["one", "two"] if number % 4 else ["one", "three", "two"]
        for place, way in enumerate(ways):
            begin = at + place * 10_000_000 + 1_000_000
            spans.append(Span(trace, f"{place + 2:016x}", "01".zfill(16), way, "server", begin, begin + 5_000_000, "b"))
    made = draft(spans, origin="x")
    found = shapes(simulates(made))
    assert found["a.go"] == (
        ("call", "b.one"), ("choose", (), (("call", "b.three"),)), ("call", "b.two"),
    )
    assert "- weight: 150" in made.text
    assert "- weight: 50" in made.text


def test_messages_whose_publisher_was_not_seen_come_from_outside() -> None:
    spans = [
        Span(f"{number + 1:032x}", "01".zfill(16), "", "process jobs", "consumer", number * 10**8,
             number * 10**8 + 10**7, "worker",
             attributes={"messaging.system": "kafka", "messaging.destination.name": "jobs"},
             links=(Link("ff" * 16, "ee" * 8),))
        for number in range(50)
    ]
    made = draft(spans, origin="x")
    system = simulates(made)
    assert [(channel.name, channel.topic) for channel in system.channels] == [("jobs", True)]
    assert said(made, "nobody was seen to publish")
    assert system.sources[0].stages[0].begin == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("hostile", [
    "a: b\n  - x: y", "x\x00y", "../../../etc/passwd", "{{ 7 * 7 }}", "</script><img onerror=alert(1)>", "é" * 100,
    "- ", "\u2028name: evil", "a\rname: evil", "#", "", "true", "x" * 400, "\x1b[31mred",
])  # fmt: skip
def test_hostile_names_stay_names_and_comments_stay_comments(hostile: str) -> None:
    import yaml

    spans = [
        Span("ab" * 16, "01" * 8, "", hostile, "server", 0, 10**7, hostile),
        Span("ab" * 16, "02" * 8, "01" * 8, hostile, "client", 10**6, 9 * 10**6, hostile,
             attributes={"db.system.name": hostile, "db.namespace": hostile}),
        Span("ab" * 16, "03" * 8, "01" * 8, hostile, "producer", 10**6, 9 * 10**6, hostile,
             attributes={"messaging.destination.name": hostile, "messaging.system": hostile}),
    ]
    made = draft(spans, origin="x", warnings=[f"about {hostile}"])
    plain = yaml.safe_load(made.text)
    keys = {"msforge", "name", "defaults", "services", "stores", "channels", "traffic", "simulation", "network"}
    assert set(plain) <= keys
    assert all(line.isprintable() for line in made.text.splitlines())
    simulates(made)


def staggered(count: int) -> list[Span]:
    """Six requests of the same: every 100 ms a short call, and at once a long one that ends after all the others."""
    found = []
    for number in range(1, 7):
        trace = f"{number:032x}"
        found.append(Span(trace, "1" * 16, "", "GET /", "server", 0, 90_000_000_000, "web"))
        for k in range(count):
            begin = 100_000_000 * (k + 1)
            for name, end, span in ("long", 80_000_000_000, 2 * k), ("short", begin + 50_000_000, 2 * k + 1):
                found.append(Span(trace, f"{1000 + span:016x}", "1" * 16, f"{name}{k}", "client", begin, end, "web",
                                  attributes={"peer.service": f"{name}{k}"}))
    return found


def test_what_would_nest_deeper_than_the_language_allows_is_laid_flat() -> None:
    made = draft(staggered(60), origin="x")
    assert len(drafted(made.text).services) == 121
    assert "overlap in no order" in made.text
    shallow = draft(staggered(5), origin="x")
    assert "overlap in no order" not in shallow.text and len(drafted(shallow.text).services) == 11


def test_a_doubt_deep_inside_is_in_the_list_as_well() -> None:
    again = [dataclasses.replace(span, span=f"{5000 + i:016x}", begin=span.end + 10_000_000, end=span.end + 90_000_000)
             for i, span in enumerate(staggered(1)) if span.name == "short0"]
    first = [dataclasses.replace(span, failed=True) if span.name == "short0" else span for span in staggered(1)]
    made = draft([*first, *again], origin="x")
    assert "        - call: short0." in made.text, "it is inside of a parallel"
    assert said(made, "up to 2 tries of one call were seen")
