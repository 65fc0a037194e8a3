"""Sagas: what was done is undone in reverse, and what cannot be undone is counted."""

from __future__ import annotations

import textwrap

import pytest
from rig import Seen, simulate

from msforge import sim
from msforge.model import compile_system
from msforge.spec import load_text


def saga(last: str = "fail: 1", undo_first: str = "call: b.undo1", more: str = "") -> Seen:
    """Two steps that succeed and a third; each has an undo."""
    return simulate(f"""
services:
  a:
    endpoints:
      go:
        steps:
          - saga:
              - {{do: {{call: b.do1}}, undo: {{{undo_first}}}}}
              - {{do: {{call: b.do2}}, undo: {{call: b.undo2}}}}
              - {{do: {{{last}}}, undo: {{call: b.undo3}}}}
  b:
    endpoints:
      do1: {{steps: [wait: 1ms]}}
      do2: {{steps: [wait: 2ms]}}
      undo1: {{steps: [wait: 10ms]}}
      undo2: {{steps: [wait: 20ms]}}
      undo3: {{steps: [wait: 40ms]}}
      broken: {{steps: [{{wait: 5ms}}, {{fail: 1}}]}}
traffic: {{t: {{target: a.go, at: [0]}}}}
{more}
""")


def counts(seen: Seen) -> tuple[int, int, int]:
    """(undone, retried, stuck) of the only saga."""
    (found,) = seen.records.sagas.values()
    return tuple(found)  # type: ignore[return-value]


def test_saga_that_succeeds_undoes_nothing() -> None:
    seen = saga("wait: 4ms")
    assert (seen.outcomes(), seen.latencies()) == (["ok"], [7])
    assert counts(seen) == (0, 0, 0)


def test_failure_undoes_what_was_done_in_reverse() -> None:
    seen = saga()
    assert (seen.outcomes(), seen.latencies()) == (["error"], [1 + 2 + 20 + 10])
    assert seen.served("b.undo3") == {}
    traced = simulate("""
    services:
      a:
        endpoints:
          go:
            steps:
              - saga:
                  - {do: {call: b.do1}, undo: {call: b.undo1}}
                  - {do: {call: b.do2}, undo: {call: b.undo2}}
                  - {do: {fail: 1}}
      b:
        endpoints:
          do1: {steps: [wait: 1ms]}
          do2: {steps: [wait: 2ms]}
          undo1: {steps: [wait: 10ms]}
          undo2: {steps: [wait: 20ms]}
    traffic: {t: {target: a.go, at: [0]}}
    """, trace=(0,))
    order = [s.name for s in traced.spans("serve") if s.name.startswith("b.")]
    assert order == ["b.do1", "b.do2", "b.undo2", "b.undo1"]
    assert counts(traced)[0] == 1


def test_cause_of_the_failure_is_kept_through_the_undoing() -> None:
    seen = saga("call: b.broken")
    assert seen.roots()[0].cause == "b:error"
    assert seen.latencies() == [1 + 2 + 5 + 20 + 10]


def test_undo_is_retried_by_its_own_policy() -> None:
    seen = saga(undo_first="call: b.broken, retry: {attempts: 4, backoff: 1ms, factor: 1}")
    assert seen.served("b.broken") == {"error": 4}
    assert counts(seen) == (1, 3, 1)


def test_undo_that_still_fails_is_counted_as_stuck_and_the_rest_is_undone() -> None:
    seen = simulate("""
    services:
      a:
        endpoints:
          go:
            steps:
              - saga:
                  - {do: {call: b.do1}, undo: {call: b.undo1}}
                  - {do: {call: b.do1}, undo: {call: b.broken}}
                  - {do: {fail: 1}}
      b:
        endpoints:
          do1: {steps: [wait: 1ms]}
          undo1: {steps: [wait: 10ms]}
          broken: {steps: [{wait: 5ms}, {fail: 1}]}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert counts(seen)[2] == 1
    assert seen.served("b.undo1") == {"ok": 1}
    assert seen.latencies() == [2 + 5 + 10]


def test_first_step_that_fails_has_nothing_to_undo() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{saga: [{do: {fail: 1}, undo: {wait: 1s}}]}]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert (seen.outcomes(), seen.latencies()) == (["error"], [0])
    assert counts(seen)[0] == 0


def test_part_may_have_several_steps() -> None:
    seen = simulate("""
    services:
      a:
        endpoints:
          go:
            steps:
              - saga:
                  - {do: [{wait: 1ms}, {wait: 2ms}], undo: [{wait: 4ms}, {wait: 8ms}]}
                  - {do: {fail: 1}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert seen.latencies() == [15]


def test_retries_of_an_undo_are_counted() -> None:
    text = """
    msforge: 1
    name: undo
    services:
      trip:
        endpoints:
          book:
            http: POST /trips
            steps:
              - saga:
                  - {do: {call: pay.charge}, undo: {call: pay.refund, retry: {attempts: 3, backoff: 1ms}}}
                  - {do: {fail: 100%}, undo: {wait: 1ms}}
      pay:
        endpoints:
          charge: {steps: [wait: 1ms]}
          refund: {steps: [fail: 100%]}
    traffic: {t: {target: trip.book, at: [0s, 1s]}}
    simulation: {duration: 3s, warmup: 0s}
    """
    records = sim.run(compile_system(load_text(textwrap.dedent(text))))
    (figures,) = records.sagas.values()
    assert figures == (2, 4, 2)  # both undone; each undo tried three times, and stuck


CUT_OFF = """
    services:
      front: {{endpoints: {{go: {{steps: [{{call: a.go, deadline: {deadline}}}]}}}}}}
      a:
        endpoints:
          go:
            steps:
              - saga:
                  - {{do: {{call: b.do}}, undo: {{call: b.undo}}}}
                  - {{do: {{call: b.do}}}}
                  - {{do: {{call: b.do}}, undo: {{call: b.undo}}}}
                  - {{do: [{{wait: 100ms}}, {{fail: 1}}]}}
      b: {{endpoints: {{do: {{steps: [wait: 1ms]}}, undo: {{steps: [wait: 10ms]}}}}}}
    traffic: {{t: {{target: front.go, at: [0]}}}}
    faults: [{{crash: a, at: {crash}, for: 1s}}]
"""


@pytest.mark.parametrize(("deadline", "crash"), [("1s", "50ms"), ("50ms", "9s")])
def test_undos_that_never_run_since_the_saga_is_cut_off_are_stuck(deadline: str, crash: str) -> None:
    seen = simulate(CUT_OFF.format(deadline=deadline, crash=crash))
    assert counts(seen)[2] == 2  # the second part has no undo
    assert seen.served("b.undo") == {}


def test_undo_under_way_when_the_saga_is_cut_off_is_stuck_too() -> None:
    seen = simulate(CUT_OFF.format(deadline="1s", crash="108ms"))
    assert counts(seen)[:1] == (1,) and counts(seen)[2] == 2
    after_the_first = simulate(CUT_OFF.format(deadline="1s", crash="118ms"))
    assert counts(after_the_first)[2] == 1
