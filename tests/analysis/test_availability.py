"""Availability by hand: replicas, series, fallbacks, retries; and against a simulated year of small troubles."""

from __future__ import annotations

import numpy as np
import pytest

from msforge import sim
from msforge.analysis import explain
from msforge.records import ANSWERED
from tests.analysis.support import system_of

SYSTEM = """\
msforge: 1
name: parts
services:
  a: {{endpoints: {{go: {{steps: [{steps}]}}}}}}
  b: {{replicas: {replicas}, detect: {detect}, endpoints: {{go: {{steps: []}}}}}}
  c: {{endpoints: {{go: {{steps: []}}}}}}
traffic: {{t: {{target: a.go, rate: 100/s}}}}
faults:
{faults}
simulation: {{duration: {duration}, seed: 5}}
"""
CALL_B, CALL_C = "{call: b.go, timeout: 1s}", "{call: c.go, timeout: 1s}"
DOWN = "{{crash: {who}, replicas: {which}, every: exponential(90s), for: exponential(10s)}}"


def fault(who: str, which: str = "all") -> str:
    return "  - " + DOWN.format(who=who, which=which)


def available(steps: str, *faults: str, replicas: int = 1, detect: str = "0s") -> float | None:
    listed = "\n".join(faults) or "  []"
    text = SYSTEM.format(steps=steps, replicas=replicas, detect=detect, faults=listed, duration="60s")
    return explain(system_of(text)).entries[0].availability


def test_no_failure_rates_say_nothing() -> None:
    assert available(CALL_B) is None
    assert available(CALL_B, "  - {crash: b, at: 10s, for: 5s}") is None


def test_parts_in_a_row_multiply() -> None:
    assert available(CALL_B, fault("b")) == pytest.approx(0.9)
    assert available(f"{CALL_B}, {CALL_C}", fault("b"), fault("c")) == pytest.approx(0.81)
    assert available(f"{{parallel: [{CALL_B}, {CALL_C}]}}", fault("b"), fault("c")) == pytest.approx(0.81)


def test_the_same_part_twice_counts_once() -> None:
    assert available(f"{CALL_B}, {CALL_B}", fault("b")) == pytest.approx(0.9)


def test_replicas_that_fail_each_on_their_own_stand_in_for_one_another() -> None:
    assert available(CALL_B, fault("b", "each"), replicas=3) == pytest.approx(1 - 0.1**3)
    assert available(CALL_B, fault("b", "all"), replicas=3) == pytest.approx(0.9)
    assert available(CALL_B, fault("b", "1"), replicas=3) == pytest.approx(1.0)


def test_a_branch_that_can_be_missed_and_a_fallback_are_no_loss() -> None:
    any_of = f"{{parallel: [{CALL_B}, {CALL_C}], need: any}}"
    assert available(any_of, fault("b"), fault("c")) == pytest.approx(1 - 0.01)
    assert available("{call: b.go, timeout: 1s, fallback: {steps: []}}", fault("b")) == pytest.approx(1.0)


def test_a_fault_of_requests_is_met_by_tries() -> None:
    fails = "  - {fail: b, rate: 40%, every: exponential(50s), for: exponential(50s)}"
    assert available(CALL_B, fails) == pytest.approx(1 - 0.5 * 0.4)
    again = "{call: b.go, timeout: 1s, retry: {attempts: 2, backoff: 1ms}}"
    assert available(again, fails) == pytest.approx(1 - 0.5 * 0.4**2)


def test_a_fail_step_counts_and_is_named() -> None:
    found = explain(system_of("""\
msforge: 1
name: chance
services: {s: {endpoints: {go: {steps: [work: 1ms, fail: 2%]}}}}
traffic: {t: {target: s.go, rate: 1/s}}
simulation: {duration: 60s}
"""))
    assert found.entries[0].availability == pytest.approx(0.98)
    assert [(c.name, c.availability) for c in found.availability.components] == [("s.go", 0.98)]


def test_until_it_is_known_a_dead_replica_takes_its_share() -> None:
    one = available(CALL_B, fault("b", "each"), replicas=2, detect="5s")
    assert one == pytest.approx((1 - 0.01) * (1 - 5 / 100))


def test_more_parts_than_states_are_counted_to_a_bound_that_is_said() -> None:
    services = "\n".join(f"  s{i}: {{endpoints: {{go: {{steps: []}}}}}}" for i in range(12))
    calls = ", ".join(f"{{call: s{i}.go, timeout: 1s}}" for i in range(12))
    faults = "\n".join(f"  - {{crash: s{i}, every: exponential(999s), for: exponential(1s)}}" for i in range(12))
    found = explain(system_of(f"""\
msforge: 1
name: many
services:
  a: {{endpoints: {{go: {{steps: [{calls}]}}}}}}
{services}
traffic: {{t: {{target: a.go, rate: 1/s}}}}
faults:
{faults}
simulation: {{duration: 60s}}
"""))
    assert found.entries[0].availability == pytest.approx(0.999**12, abs=1e-6)
    assert any("more failures at once" in note for note in found.availability.notes)


def test_a_simulated_breakdown_and_repair_is_as_available_as_said() -> None:
    text = SYSTEM.format(
        steps=f"{CALL_B}, {CALL_C}", replicas=2, detect="0s", duration="6000s",
        faults="\n".join(
            f"  - {{crash: {who}, replicas: each, every: exponential(9s), for: exponential(1s)}}" for who in ("b", "c")
        ),
    ).replace("100/s", "5/s")
    system = system_of(text)
    claimed = explain(system).entries[0].availability
    assert claimed == pytest.approx((1 - 0.01) * 0.9)
    outcomes = sim.run(system).outcomes[0].sum(axis=0)
    measured = outcomes[list(ANSWERED)].sum() / np.sum(outcomes)
    assert measured == pytest.approx(claimed, abs=0.02)
