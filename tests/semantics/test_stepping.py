"""The engine in steps: the same run, and live changes that repeat from a file."""

from __future__ import annotations

import pytest
from golden import digest
from rig import MS, compiled

from msforge import sim

SYSTEM = """
services:
  a:
    replicas: 2
    threads: 4
    endpoints: {go: {steps: [{work: exponential(3ms)}, {call: b.go, timeout: 40ms, retry: {attempts: 2}}]}}
  b: {threads: 2, endpoints: {go: {steps: [{wait: exponential(15ms)}, {publish: jobs}]}}}
  w: {consumers: {handle: {from: jobs, steps: [wait: exponential(5ms)]}}}
channels: {jobs: {kind: queue}}
network: {latency: 1ms}
traffic: {t: {target: a.go, rate: 100/s}}
faults:
  - {slow: b, by: 3x, at: 500ms, for: 500ms}
  - {crash: a, replicas: 1, every: exponential(1s), for: 200ms}
FAULTsimulation: {duration: 3s, drain: 5s, seed: 3}
"""


def plain(fault: str = "") -> str:
    """The system, with one more fault."""
    return SYSTEM.replace("FAULT", fault)


@pytest.mark.parametrize("step_ms", [1, 37, 1000])
def test_many_small_steps_are_one_run(step_ms: int) -> None:
    system = compiled(plain())
    engine = sim.Engine(system, seed=3, replication=0)
    whole = sim.run(system, seed=3)
    time = 0
    while time < whole.end:
        time = min(time + step_ms * MS, whole.end)
        engine.run_to(time)
    engine.run_to(whole.end + 1)
    stepped = engine.finish()
    assert stepped.roots["end"].tolist() == whole.roots["end"].tolist()
    assert stepped.roots["outcome"].tolist() == whole.roots["outcome"].tolist()
    assert stepped.sources.tolist() == whole.sources.tolist()
    assert [h for h in stepped.happenings if h.time < whole.end] == [h for h in whole.happenings if h.time < whole.end]


def test_change_applied_live_is_the_change_in_the_file() -> None:
    written = sim.run(compiled(plain("  - {change: {services.b.threads: 1}, at: 1500ms}\n")), seed=3)
    engine = sim.Engine(compiled(plain()), seed=3, replication=0)
    engine.run_to(1500 * MS)
    engine.apply((("services.b.threads", 1),))
    engine.run_to(written.end + 1)
    live = engine.finish()
    assert live.roots["end"].tolist() == written.roots["end"].tolist()
    assert live.roots["outcome"].tolist() == written.roots["outcome"].tolist()


def test_change_changes_something() -> None:
    with_change = sim.run(compiled(plain("  - {change: {services.b.threads: 1}, at: 1500ms}\n")), seed=3)
    without = sim.run(compiled(plain()), seed=3)
    assert with_change.roots["end"].tolist() != without.roots["end"].tolist()


def test_state_tells_what_is_going_on() -> None:
    engine = sim.Engine(compiled(plain()), seed=3, replication=0)
    engine.run_to(1000 * MS)
    state = engine.state()
    assert state["time"] == 1000 * MS
    assert state["sources"]["t"]["arrived"] > 50
    b = state["services"]["b"]
    assert 0 <= b["busy"] <= 2
    assert b["arrived"] == sum(b["ended"]) + b["busy"] + b["waiting"]


def test_asking_for_the_state_changes_nothing() -> None:
    system = compiled(plain())
    asked, quiet = sim.Engine(system, seed=3, replication=0), sim.Engine(system, seed=3, replication=0)
    for time in range(0, 8001, 100):
        asked.run_to(time * MS)
        asked.state()
    quiet.run_to(8000 * MS)
    assert digest(asked.finish()) == digest(quiet.finish())
