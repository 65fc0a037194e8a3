"""Changes while it runs: traffic goes on as the simulator's does, services that run take other numbers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge import sim
from msforge.errors import InvalidFileError, UsageError
from msforge.live.faults import schedule
from msforge.live.load.sources import RunningSource
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.runtime.clock import Clock
from msforge.scaffold.numbers import check
from msforge.spec import load_text
from tests.live.conftest import ask, until
from tests.virtual_time import VirtualLoop

BASE = """\
msforge: 1
services:
  a: {threads: unlimited, endpoints: {e: {steps: [wait: 100ms]}}}
simulation: {duration: 20s, seed: 11, drain: 5s}
"""


def system_of(text: str) -> System:
    return compile_system(load_text(BASE + text))


class Sent:
    """Clients that note when they are asked to send, and have an answer after 100 ms."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[tuple[int, int]] = []

    def flow(self, source: Any, key: int, number: int, arrival: int) -> Any:
        self.sent.append((number, arrival))
        return None

    async def send(self, source: Any, step: Any, flow: Any, arrival: int) -> int:
        await self.clock.sleep(100_000_000)
        return 0


def sent(system: System) -> list[tuple[int, int]]:
    """Number and time of what the first source sends while its changes come and go."""
    loop = VirtualLoop()
    clock = Clock(source=lambda: loop.ns)
    clients = Sent(clock)
    source = RunningSource(clients, system, system.sources[0], seed=system.run.seed)  # type: ignore[arg-type]

    async def change() -> None:
        for strike in schedule(system, seed=system.run.seed, end=system.run.duration):
            await clock.sleep(strike.at - clock.now())
            now = system.variant(tuple((path, value) for path, value in strike.fault["changes"]))
            source.adopt(now.sources[0], now)
            if strike.duration is not None:
                clock.later(strike.duration, source.adopt, system.sources[0], system)

    async def main() -> None:
        changing = asyncio.ensure_future(change())
        await source.run()
        await changing

    loop.run_until_complete(main())
    loop.close()
    return sorted(clients.sent)


@pytest.mark.parametrize(("traffic", "changes"), [
    ("{target: a.e, rate: 20/s}", "[{change: {traffic.t.rate: 60/s}, at: 5s, for: 5s}]"),
    ("{target: a.e, rate: 20/s, arrivals: constant}", "[{change: {traffic.t.rate: 7/s}, at: 5s}]"),
    ("{target: a.e, rate: 20/s}", "[{change: {traffic.t.rate: 0/s}, at: 5s, for: 5s}]"),
    ("{target: a.e, rate: 0/s}", "[{change: {traffic.t.rate: 20/s}, at: 5s, for: 5s}]"),
    ("{target: a.e, users: 3, think: exponential(400ms)}", "[{change: {traffic.t.users: 8}, at: 5s, for: 5s}]"),
    ("{target: a.e, users: 5, think: exponential(400ms)}", "[{change: {traffic.t.users: 2}, at: 5s}]"),
    ("{target: a.e, users: 3, think: 400ms}", "[{change: {traffic.t.think: 1s}, at: 5s}]"),
    ("{target: a.e, at: [1s, 8s]}", "[{change: {services.a.threads: 2}, at: 5s}]"),
])
def test_changed_traffic_comes_when_the_simulator_sends_it(traffic: str, changes: str) -> None:
    system = system_of(f"traffic: {{t: {traffic}}}\nfaults: {changes}\n")
    columns = sim.run(system).roots
    simulated = sorted((int(n), int(a)) for n, a in zip(columns["number"], columns["arrival"], strict=True))
    running = sent(system)
    assert [n for n, _ in running] == [n for n, _ in simulated] and simulated
    assert max(abs(a - b) for (_, a), (_, b) in zip(running, simulated, strict=True)) < 2_000


@pytest.mark.parametrize(("change", "what"), [
    ({"services.a.endpoints.e.steps": [{"wait": "1ms"}, {"work": "1ms"}]}, "which steps a.e takes"),
    ({"services.a.balancer": "client"}, "services.a.balancer"),
    ({"services.a.endpoints.e.http": "GET /other"}, "the address of a.e"),
    ({"channels.c.partitions": 9}, "partitions"),
])
def test_what_is_in_the_code_is_refused_by_name(change: dict[str, Any], what: str) -> None:
    system = system_of("traffic: {t: {target: a.e, rate: 1/s}}\nchannels: {c: {kind: topic}}\n")
    with pytest.raises(UsageError, match=what):
        check(system, system.variant(tuple(change.items())))


def test_a_running_service_takes_other_numbers_and_gives_them_back(up: Path) -> None:
    url = next(s["url"] for s in msforge.ps(up)["services"] if s["name"] == "back")

    def took() -> float:
        begun = time.monotonic()
        assert ask(f"{url}/answer")[0] == 200
        return time.monotonic() - begun

    number, label = msforge.set_fault(up, {"change": {"services.back.endpoints.answer.steps[0].wait": "600ms"}})
    try:
        assert label == "services.back.endpoints.answer.steps[0].wait = 600ms" and took() >= 0.6
    finally:
        msforge.clear_faults(up, number)
    assert took() < 0.6


def test_replicas_come_and_go(up: Path) -> None:
    def names() -> list[str]:
        back = next(s for s in msforge.ps(up)["services"] if s["name"] == "back")
        return [r["name"] for r in back["replicas"] if r["state"] == "ready"]

    number, _ = msforge.set_fault(up, {"change": {"services.back.replicas": 3}})
    try:
        assert until(lambda: len(names()) == 3)
    finally:
        msforge.clear_faults(up, number)
    assert until(lambda: len(names()) == 2)
    assert ask(next(s["url"] for s in msforge.ps(up)["services"] if s["name"] == "front") + "/ask")[0] == 200


def test_a_change_that_does_not_fit_changes_nothing(up: Path) -> None:
    with pytest.raises(InvalidFileError):
        msforge.set_fault(up, {"change": {"services.back.replicas": -1}})
    with pytest.raises(UsageError, match="which steps"):
        msforge.set_fault(up, {"change": {"services.back.endpoints.answer.steps": []}})
    assert msforge.faults(up) == []
