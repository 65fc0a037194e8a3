"""Traffic and faults come at the very times, with the very numbers, that the simulator gives them."""

from __future__ import annotations

from typing import Any

import pytest

from msforge import sim
from msforge.live.faults import left_out, plain_fault, runtime_fault, schedule
from msforge.live.load.sources import RunningSource
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.runtime.clock import Clock
from msforge.spec import load_text

BASE = """\
msforge: 1
services:
  a: {replicas: 3, zones: [x, y], startup: exponential(50ms), endpoints: {e: {steps: [{wait: 1ms}, {read: db}]}}}
stores: {db: {zone: x}}
simulation: {duration: 20s, seed: 11, drain: 1s}
"""


def system_of(text: str) -> System:
    return compile_system(load_text(BASE + text))


@pytest.mark.parametrize("traffic", [
    "{target: a.e, rate: 30/s}",
    "{target: a.e, arrivals: constant, rate: 7/s, for: 10s}",
    "{target: a.e, start: 2s, stages: [{rate: 1/s -> 50/s, for: 10s}, {rate: 0/s, for: 1s}, {rate: 20/s, for: 2s}]}",
    "{target: a.e, rate: 30/s, arrivals: bursty(on=1s off=2s peak=2.5x)}",
    "{target: a.e, at: [1s, 2s, 2500ms]}",
    "{target: a.e, rate: 30/s, count: 17}",
])
def test_an_open_loop_sends_when_the_simulator_does(traffic: str) -> None:
    system = system_of(f"traffic: {{t: {traffic}}}\n")

    class NoClients:
        clock = Clock()

    source: Any = RunningSource(NoClients(), system, system.sources[0], seed=system.run.seed)  # type: ignore[arg-type]
    records = sim.run(system)
    simulated = sorted((row["number"], row["arrival"]) for row in _rows(records))
    assert list(enumerate(source.times())) == simulated and simulated


def _rows(records: Any) -> list[dict[str, int]]:
    columns = records.roots
    return [
        {"number": int(n), "arrival": int(a)}
        for n, a in zip(columns["number"], columns["arrival"], strict=True)
    ]


@pytest.mark.parametrize("fault", [
    "{crash: a, at: 3s, for: 2s}",
    "{crash: a, every: exponential(2s), for: exponential(500ms), replicas: each}",
    "{slow: a.e, by: 3x, every: uniform(1s 2s), for: 300ms, replicas: 2}",
    "{fail: db, rate: 10%, at: 1s}",
    "{zone: x, at: 1s, for: 1s}",
    '{cut: "clients -> a", every: exponential(3s), for: 200ms}',
    '{delay: "a -> db", add: exponential(5ms), at: 2s, for: 1s}',
    "{pause: a, at: 4s, for: 1s, replicas: 1}",
    "{change: {services.a.threads: 2}, every: exponential(3s), for: exponential(1s)}",
])
def test_faults_strike_when_the_simulator_has_them(fault: str) -> None:
    system = system_of(f"traffic: {{t: {{target: a.e, rate: 1/s}}}}\nfaults: [{fault}]\n")
    strikes = list(schedule(system, seed=system.run.seed, end=system.run.duration))
    begun = sorted(h.time for h in sim.run(system).happenings if h.kind == "fault_begin" and h.time < 20_000_000_000)
    assert sorted(s.at for s in strikes) == begun and begun
    assert [s.at for s in strikes] == sorted(s.at for s in strikes)


def test_a_drawn_replica_is_the_simulators() -> None:
    system = system_of("traffic: {t: {target: a.e, rate: 1/s}}\nfaults: [{crash: a, at: 3s, for: 1s, replicas: 2}]\n")
    (strike,) = schedule(system, seed=system.run.seed, end=system.run.duration)
    crashed = [h.subject for h in sim.run(system).happenings if h.kind == "crash"]
    assert sorted(f"a#{n}" for n in strike.fault["replicas"]) == sorted(crashed)


def test_what_a_running_system_cannot_do_is_left_out_by_name() -> None:
    system = system_of(
        "traffic: {t: {target: a.e, rate: 1/s}}\n"
        "faults: [{deploy: a, at: 1s}, {change: {services.a.threads: 2}, at: 2s}, {slow: a, by: 2x, at: 3s},\n"
        "  {change: {services.a.balancer: client}, at: 4s}]\n"
    )
    assert [s.fault["kind"] for s in schedule(system, seed=1, end=10**10)] == ["deploy", "change", "slow"]
    assert left_out(system) == ["services.a.balancer = client"]


def test_a_fault_is_told_to_replicas_in_names_and_plain_numbers() -> None:
    system = system_of('traffic: {t: {target: a.e, rate: 1/s}}\nfaults: [{delay: "a -> db", add: 5ms, at: 1s}]\n')
    told = runtime_fault(plain_fault(system, system.faults[0]), "f1")
    assert told["id"] == "f1" and told["to"] == {"store": "db"} and told["word"].startswith("delay")
    assert told["add"] == {"kind": "constant", "params": [5e6], "parts": []}
