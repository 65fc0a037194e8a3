"""Traces that a simulated run exports, imported again: the same topology and, within sampling error, the same times."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache

import pytest

import msforge
from msforge.draft import Draft, draft
from msforge.model.plan import System, Verb
from msforge.spec import load_text
from msforge.traces import read
from tests.draft.systems import CALM, drafted, own_time, plan, run, shapes

QUICK = [name for name in CALM if name != "thousand"]


@cache
def imported(name: str) -> Draft:
    found = read(msforge.export_traces(run(name)).encode())
    return draft(found.spans, origin=found.form, warnings=found.warnings)


@cache
def both(name: str) -> tuple[System, System]:
    return plan(name), drafted(imported(name).text)


@pytest.mark.parametrize("name", CALM)
def test_the_topology_and_the_order_of_calls_come_back(name: str) -> None:
    before, after = (shapes(system) for system in both(name))
    visited = {trace.name for trace in run(name).traces if trace.kind in ("serve", "consume")}
    assert set(after) == visited
    assert after == {body: steps for body, steps in before.items() if body in visited}
    assert "overlap in no order" not in imported(name).text


@pytest.mark.parametrize("name", QUICK)
def test_stores_and_channels_come_back(name: str) -> None:
    before, after = both(name)
    used = {step.target for step in before.steps if step.verb in (Verb.READ, Verb.WRITE)
            and before.body_name(step.body) in shapes(after)}
    kinds = {store.name: (store.kind, store.owner >= 0) for store in before.stores if store.index in used}
    assert {store.name: (store.kind, store.owner >= 0) for store in after.stores} == kinds
    channels = {(c.name, c.topic, c.broker, len(c.consumers)) for c in before.channels if c.consumers}
    assert {(c.name, c.topic, c.broker, len(c.consumers)) for c in after.channels} == channels


@pytest.mark.parametrize("name", QUICK)
def test_service_times_come_back_within_sampling_error(name: str) -> None:
    before, after = both(name)
    visits = Counter(trace.name for trace in run(name).traces if trace.kind in ("serve", "consume"))
    for body in shapes(after):
        mean, variance = own_time(before, body)
        error = 4 * math.sqrt(variance / visits[body])
        # 5 %: three digits are written, and a fitted lognormal's mean hangs on its tail
        assert own_time(after, body)[0] == pytest.approx(mean, abs=error + 0.05 * mean), body


@pytest.mark.parametrize("name", QUICK)
def test_the_times_of_stores_and_network_come_back(name: str) -> None:
    before, after = both(name)
    operations = Counter(
        (trace.kind, trace.name.split(" ")[1].partition("#")[0])
        for trace in run(name).traces if trace.kind in ("read", "write")
    )
    of = {store.name: store for store in before.stores}
    for store in after.stores:
        for kind in ("read", "write"):
            count = operations[kind, store.name]
            if count:
                dist = getattr(of[store.name], kind)
                error = 4 * math.sqrt(dist.variance / count)
                assert getattr(store, kind).mean == pytest.approx(dist.mean, abs=error + 0.05 * dist.mean)
    if any(not edge.local for edge in before.edges):
        assert after.network.latency.mean == pytest.approx(before.network.latency.mean, rel=0.1)


@pytest.mark.parametrize("name", ["shop", "flight-booking", "retry-storm"])
def test_the_rate_comes_back_though_only_a_sample_was_exported(name: str) -> None:
    before, after = both(name)
    wanted = sum(entry.counts.arrivals for entry in run(name).entries) / (run(name).span.end - run(name).span.begin)
    found = sum(source.stages[0].begin for source in after.sources)
    assert found == pytest.approx(wanted * 1e9, rel=0.1)
    assert before.sources


def test_what_fails_by_itself_fails_as_often() -> None:
    _, after = both("flight-booking")
    [step] = [step for step in after.steps if step.verb == Verb.FAIL]
    assert after.body_name(step.body) == "ticketing.issue"
    issued = sum(trace.name == "ticketing.issue" for trace in run("flight-booking").traces if trace.kind == "serve")
    assert step.rate == pytest.approx(0.02, abs=4 * math.sqrt(0.02 * 0.98 / issued))


def test_the_draft_of_the_shop_is_as_fast_as_the_shop() -> None:
    after = msforge.simulate(load_text(imported("shop").text), replications=3, processes=1)
    was, now = run("shop").entries[0].all, after.entries[0].all
    assert was.p50.value is not None
    assert now.p50.value == pytest.approx(was.p50.value, rel=0.12)
    assert was.p95.value is not None
    assert now.p95.value == pytest.approx(was.p95.value, rel=0.25)  # of 350 requests, three deviations
