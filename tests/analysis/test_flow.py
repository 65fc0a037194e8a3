"""Where requests go, by hand."""

from __future__ import annotations

import pytest

from msforge.analysis.flow import Flow
from msforge.analysis.load import load_at, moments
from msforge.model.plan import System, Verb
from tests.analysis.support import one_service, system_of


def counts(system: System, verb: Verb) -> list[float]:
    flow = Flow(system)
    executed = flow.body(0)
    return [executed.get(s.index, 0.0) for s in system.steps if s.verb is verb and s.body == 0]


def test_choices_repeats_and_branches() -> None:
    system = one_service(
        "{choose: [{weight: 3, steps: [work: 1ms]}, {weight: 1, steps: [{repeat: 4, steps: [work: 2ms]}]}]}, "
        "{parallel: 5, steps: [work: 3ms]}"
    )
    assert counts(system, Verb.WORK) == [0.75, 1.0, 5.0]


def test_after_a_failure_nothing_follows() -> None:
    system = one_service("work: 1ms, fail: 20%, work: 2ms")
    assert counts(system, Verb.WORK) == [1.0, pytest.approx(0.8)]
    assert Flow(system).ending(0).ok == pytest.approx(0.8)
    assert Flow(system, failing=False).ending(0).ok == 1.0


RETRY = """\
msforge: 1
name: retry
services:
  a:
    endpoints:
      go: {{steps: [{{call: b.go, timeout: 1s, retry: {{attempts: {attempts}, backoff: 1ms}}{fallback}}}, work: 1ms]}}
  b: {{endpoints: {{go: {{steps: [{{fail: 50%, status: {status}}}]}}}}}}
traffic: {{t: {{target: a.go, rate: 10/s}}}}
simulation: {{duration: 60s}}
"""


def test_retries_are_a_geometric_sum() -> None:
    system = system_of(RETRY.format(attempts=3, fallback="", status=500))
    assert counts(system, Verb.CALL) == [pytest.approx(1 + 0.5 + 0.25)]
    assert counts(system, Verb.WORK) == [pytest.approx(1 - 0.125)]


def test_what_is_rejected_is_not_retried() -> None:
    system = system_of(RETRY.format(attempts=3, fallback="", status=404))
    assert counts(system, Verb.CALL) == [1.0]
    assert counts(system, Verb.WORK) == [0.5]


def test_a_fallback_rescues() -> None:
    system = system_of(RETRY.format(attempts=2, fallback=", fallback: {steps: [wait: 1ms]}", status=500))
    assert counts(system, Verb.WAIT) == [pytest.approx(0.25)]
    assert counts(system, Verb.WORK) == [1.0]


def test_a_saga_undoes_what_was_done() -> None:
    system = one_service(
        "{saga: [{do: {work: 1ms}, undo: {work: 2ms}}, {do: {fail: 50%}}, {do: {work: 3ms}, undo: {work: 4ms}}]}"
    )
    assert counts(system, Verb.WORK) == [1.0, 0.5, 0.5, 0.0]


LOOP = """\
msforge: 1
name: loop
services:
  s:
    endpoints: {{go: {{steps: [publish: c]}}}}
    consumers: {{again: {{from: c, steps: [{{choose: [{{weight: {p}, steps: [publish: c]}}, {{weight: {q}}}]}}]}}}}
channels: {{c: {{dead_letter: d}}}}
traffic: {{t: {{target: s.go, rate: 10/s}}}}
simulation: {{duration: 60s}}
"""


def test_messages_that_go_round_are_summed() -> None:
    dying = system_of(LOOP.format(p=1, q=3))
    assert load_at(dying, (10.0,)).bodies[1] == pytest.approx(10 / (1 - 0.25))


def test_rates_are_taken_on_both_sides_of_every_bend() -> None:
    system = system_of("""\
msforge: 1
name: bends
services: {s: {endpoints: {go: {steps: [work: 1ms]}}}}
traffic:
  ramp: {target: s.go, stages: [{rate: 10/s -> 30/s, for: 10s}, {rate: 5/s, for: 10s}]}
  late: {target: s.go, rate: 7/s, start: 5s}
simulation: {duration: 20s}
""")
    found = {(m.time // 10**9, m.rates) for m in moments(system)}
    assert (0, (10.0, 0.0)) in found
    assert (5, (20.0, 0.0)) in found and (5, (20.0, 7.0)) in found
    assert (10, (30.0, 7.0)) in found and (10, (5.0, 7.0)) in found


def test_caches_spare_their_store() -> None:
    more = "stores: {db: {}, memory: {kind: redis}}"
    system = one_service("{read: db, cache: {store: memory, hit: 90%}}", more=more)
    assert load_at(system, (10.0,)).stores == ((pytest.approx(1.0), 0.0), (10.0, 0.0))
