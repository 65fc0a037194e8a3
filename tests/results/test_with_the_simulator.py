"""Simulated runs through the whole of results: the laws hold, parts add up, windows agree, bytes repeat."""

from __future__ import annotations

from functools import cache

import pytest

from msforge.model import compile_system
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.records import SECOND
from msforge.results import Result, on_demand, read_window, summarise
from msforge.results.compare import compare
from msforge.sim import run
from msforge.spec import load_text

TEXT = """
msforge: 1
name: small
services:
  front:
    replicas: 2
    threads: 8
    endpoints:
      page:
        steps:
          - work: exponential(3ms)
          - call: back.item
            timeout: 200ms
            retry: {attempts: 3, backoff: 10ms, jitter: full}
          - publish: events
  back:
    replicas: 2
    threads: 2
    endpoints:
      item: {idempotent: true, steps: [work: exponential(30ms), read: db]}
  mail:
    consumers:
      send: {from: events, threads: 4, idempotent: true, steps: [wait: 20ms]}
stores:
  db: {kind: postgres, owner: back, connections: 2, read: exponential(10ms), write: 4ms}
channels:
  events: {kind: queue, dead_letter: lost}
network: {latency: 0.5ms}
traffic:
  users: {target: front.page, rate: 60/s}
objectives:
  front.page: [p95 < 500ms, success > 90%]
simulation: {duration: 60s, warmup: 10s, seed: 3, drain: 10s}
"""


@cache
def system(extra: str = "") -> System:
    return compile_system(load_text(TEXT + extra))


@cache
def records(replication: int = 0, extra: str = "") -> Records:
    return run(system(extra), replication=replication)


@cache
def result(extra: str = "") -> Result:
    return summarise(system(extra), [records(extra=extra)])


def test_every_law_holds() -> None:
    found = result().checks
    assert {check.law for check in found} == {"little", "little_queue", "utilisation", "areas"}
    assert [check for check in found if not check.holds] == []
    weighty = [check for check in found if check.left > 0.1]
    assert len(weighty) >= 6
    assert max(check.tolerance for check in weighty) < 0.4, "a tolerance that wide would check nothing"
    assert max(abs(check.residual) for check in weighty) < 0.05


def test_conservation_between_tables() -> None:
    one = result()
    (entry,), (edge,) = one.entries, one.edges
    assert entry.counts.arrivals == entry.counts.finished + entry.counts.in_flight
    assert entry.counts.finished == sum(entry.counts.outcomes.values())
    assert edge.tries == edge.calls + edge.retries + edge.hedges
    assert sum(edge.try_outcomes.values()) == edge.tries
    assert sum(edge.call_outcomes.values()) == edge.calls
    assert sum(part.count for part in entry.parts) == entry.counts.finished
    assert entry.counts.arrivals == pytest.approx(60 * 50, rel=0.1)


def test_replicas_add_up_to_their_service() -> None:
    for service in result().services:
        assert sum(r.busy.mean or 0.0 for r in service.replicas) == pytest.approx(service.busy.value, rel=1e-9)
        for replica in service.replicas:
            if replica.busy.share:
                assert sum(replica.busy.share) == pytest.approx(1.0)
                mean = sum(n * share for n, share in enumerate(replica.busy.share))
                assert mean == pytest.approx(replica.busy.mean, rel=1e-6)


def test_the_share_of_retries_is_never_negative_even_when_a_breaker_refuses_calls() -> None:
    (edge,) = result().edges
    assert result().storm.retry_share.value == pytest.approx(edge.retries / edge.tries, abs=0.02)
    breaker = "circuit_breaker: {failure_rate: 10%, window: 20, open_for: 1s}"
    text = TEXT.replace("timeout: 200ms", f"timeout: 40ms\n            {breaker}")
    plan = compile_system(load_text(text))
    runs = [run(plan, replication=n) for n in range(2)]
    for storm in (summarise(plan, runs).storm, summarise(plan, runs[:1]).storm):
        assert storm.retry_share.value is not None and 0.0 <= storm.retry_share.value < 1.0


def test_two_halves_make_the_whole() -> None:
    whole = result()
    halves = [read_window(whole, span) for span in ((10 * SECOND, 35 * SECOND), (35 * SECOND, 60 * SECOND))]
    for word in ("ok", "error"):
        parts = [half.entries[0].counts.outcomes.get(word, 0) for half in halves]
        assert sum(parts) == whole.entries[0].counts.outcomes.get(word, 0)
    means = [half.services[1].busy.value or 0.0 for half in halves]
    assert sum(means) / 2 == pytest.approx(whole.services[1].busy.value, rel=1e-9)


def test_reading_the_whole_span_again_gives_the_same_counts_and_nearly_the_same_percentiles() -> None:
    whole = result()
    again = read_window(whole, (whole.span.begin, whole.span.end))
    assert again.entries[0].counts.outcomes == whole.entries[0].counts.outcomes
    assert again.services[1].utilisation == whole.services[1].utilisation
    exact, near = whole.entries[0].answered, again.entries[0].answered
    assert exact.exact and not near.exact
    for word in ("p50", "p95", "p99"):
        assert getattr(near, word).value == pytest.approx(getattr(exact, word).value, rel=0.004)
    assert near.mean.value == pytest.approx(exact.mean.value, rel=1e-12)


def test_the_same_run_gives_the_same_bytes() -> None:
    again = summarise(system(), [run(system())])
    assert again.to_json() == result().to_json()
    assert Result.from_json(again.to_json()) == again


@pytest.mark.parametrize("first", ["entries", "figures", "cost", "digest"])
def test_tables_on_demand_are_those_of_the_whole(first: str) -> None:
    whole = summarise(system(), [records()], keep=False)
    some = on_demand(system(), [records()])
    assert getattr(some, first) == getattr(whole, first)
    assert some.to_json() == whole.to_json()
    with pytest.raises(AttributeError):
        getattr(some, "nonsense")  # noqa: B009


def test_replications_in_any_order_give_the_same_bytes() -> None:
    runs = [records(n) for n in range(3)]
    one, other = summarise(system(), runs), summarise(system(), [runs[2], runs[0], runs[1]])
    assert one.to_json() == other.to_json()
    assert one.intervals.method == "replications" and one.replications == 3


def test_a_comparison_sees_the_change_and_not_the_dice() -> None:
    """Ten more connections at the store: what does not depend on it is the same to the bit."""
    bigger = TEXT.replace("connections: 2", "connections: 12")
    plan = compile_system(load_text(bigger))
    before = summarise(system(), [records(n) for n in range(3)])
    after = summarise(plan, [run(plan, replication=n) for n in range(3)])
    found = {d.name: d for d in compare(before, after).differences}
    assert found["entry/users -> front.page/rate"].verdict == "same"
    assert found["store/db/waiting"].verdict == "better"


def test_a_fault_is_drawn_but_the_blame_comes_from_symptoms() -> None:
    slow = "faults: [{slow: back, add: 150ms, at: 30s, for: 15s}]\n"
    one = result(slow)
    (fault,) = one.faults
    assert (fault.kind, fault.begin, fault.end) == ("slow", 30 * SECOND, 45 * SECOND)
    suspect = one.story.suspects[0]
    assert (suspect.name, suspect.symptom) == ("back", "slow")
    assert suspect.begin == pytest.approx(30 * SECOND, abs=2 * SECOND)
    assert "a second" not in suspect.advice
    assert one.storm.recoveries[0].label == fault.label


def test_an_overload_is_called_unstable() -> None:
    text = TEXT.replace("rate: 60/s", "rate: 200/s").replace("threads: 2", "threads: 2\n    queue: unlimited")
    text = text.replace("timeout: 200ms", "timeout: 60s").replace("threads: 8", "threads: unlimited")
    plan = compile_system(load_text(text))
    found = summarise(plan, [run(plan)]).unstable
    assert [item.name for item in found] == ["back"]
    capacity = 4 / 0.042
    assert found[0].slope == pytest.approx(200 - capacity, rel=0.25)
