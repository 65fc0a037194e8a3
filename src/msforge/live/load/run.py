"""One run of the traffic: sources, the file's faults at their times, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from msforge.errors import UsageError
from msforge.live.client import Running
from msforge.live.faults import CLIENTS_NAME, changes_of, left_out, runtime_fault, schedule, without
from msforge.live.load.clients import Clients
from msforge.live.load.sources import RunningSource
from msforge.live.load.tally import Tally
from msforge.model.plan import System
from msforge.records import SECOND
from msforge.runtime.clock import Clock
from msforge.runtime.loop import new_event_loop
from msforge.runtime.outcome_log import began_at

LOOK: Final = 0.25
"""Seconds between two looks at the running system's faults and replicas."""
TICK: Final = 0.25
"""Seconds between two calls of `progress`."""
SETTLE: Final = 0.3
"""Seconds before the first request: everything is open by then."""

Progress = Callable[[int, int, list[dict[str, Any]]], None]
"""Called with the ns done, the ns in all, and what is known of each entry."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was measured. `seconds` is the measured part of the run, warm-up left out."""

    system: str
    scenario: str
    way: str
    seed: int
    seconds: float
    interrupted: bool
    late: bool
    entries: list[dict[str, Any]]
    lag_ms: dict[str, float | None]
    faults: list[dict[str, Any]]
    left_out: list[str]
    rows: list[tuple[int, ...]]
    """One per request that ended: `records.ROOT_COLUMNS`."""
    sent: dict[str, int]
    """By source: requests sent, those included that never ended."""
    began: int
    """When the run's time was 0, ns since the epoch."""

    def plain(self) -> dict[str, Any]:
        """As JSON, without what only a measured Result needs."""
        names = [name for name in self.__slots__ if name not in ("rows", "sent", "began")]
        return {name: getattr(self, name) for name in names}


class Run:
    """A run of a description's traffic against the system that runs."""

    def __init__(
        self, system: System, running: Running, *, seed: int, progress: Progress | None, stop: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        self.system = system
        self.running = running
        self.view = running.ps()
        self.scale = float(self.view["scale"])
        self.seed = seed
        self.progress = progress
        self.stop = stop
        self.tell = tell
        self.tally = Tally(system.run.warmup, system.run.duration)
        self.struck: list[dict[str, Any]] = []
        self.own: dict[str, bool] = {}
        self.clock = Clock(self.scale)
        self.interrupted = False
        self.changes: list[tuple[str, Any]] = []
        self.sources: list[RunningSource] = []
        self._check_services()

    def _check_services(self) -> None:
        there = {service["name"] for service in self.view["services"]}
        wanted = {
            self.system.services[self.system.bodies[step.target].service].name
            for step in self.system.steps if step.service < 0 and step.target >= 0
        }
        missing = sorted(wanted - there)
        if missing:
            raise UsageError(
                f"the traffic goes to {', '.join(missing)}, which does not run",
                hint="generate it and start again: msforge sync, msforge down, msforge up",
            )
        if not self.system.sources:
            raise UsageError("the description has no traffic", hint="add some under `traffic:`")

    def go(self) -> LoadResult:
        """Run it all in an event loop of its own. What is under way ends with it, also when a signal cuts it short."""
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(self._go())
        return self._result()

    async def _go(self) -> None:
        self.clock = Clock(self.scale, source=_starting_in(SETTLE))
        clients = Clients(self.system, self.view, self.clock, self.tally, seed=self.seed)
        await clients.start()
        sources = self.sources = [RunningSource(clients, self.system, s, seed=self.seed) for s in self.system.sources]
        beside = [asyncio.create_task(w) for w in (self._strike_all(clients), self._look_on(clients), self._tell_on())]
        sending = [asyncio.create_task(source.run()) for source in sources]
        try:
            await self._until_over(sources, sending)
        finally:
            tasks = [*beside, *sending, *(turn for source in sources for turn in source.turns)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await clients.stop()
            await self._clear_own()

    async def _until_over(self, sources: list[RunningSource], sending: list[asyncio.Task[None]]) -> None:
        """Until the duration is over and what is under way has ended, or nobody wants to know any more."""
        run = self.system.run
        while self.clock.now() < run.duration + run.drain:
            if self.stop():
                self.interrupted = True
                return
            for task in sending:
                if task.done() and not task.cancelled() and task.exception() is not None:
                    task.result()
            over = self.clock.now() >= run.duration
            if over and all(task.done() for task in sending) and not any(source.turns for source in sources):
                return
            await asyncio.sleep(0.02)

    # -- faults -------------------------------------------------------------------------------------

    async def _strike_all(self, clients: Clients) -> None:
        """The file's faults, at their times."""
        waiting = []
        try:
            for strike in schedule(self.system, seed=self.seed, end=self.system.run.duration):
                await self.clock.sleep(strike.at - self.clock.now())
                waiting.append(asyncio.ensure_future(self._strike(clients, strike.fault)))
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def _strike(self, clients: Clients, fault: dict[str, Any]) -> None:
        begun = self.clock.now()
        try:
            number = await asyncio.to_thread(self.running.set_fault, fault)
        except UsageError as error:
            self.tell(f"{fault['label']}: {error.message}")
            return
        self.own[number] = True
        self.struck.append({"label": fault["label"], "begin": begun / SECOND, "replicas": fault["replicas"]})
        self.tell(f"{begun / SECOND:.1f}s: {fault['label']}")
        if fault["kind"] == "change":
            self._adopt(clients, [*self.changes, *changes_of(fault)])
        if fault["caller"] == CLIENTS_NAME:
            clients.link_fault(runtime_fault(fault, number))
        if fault["for"] is not None:
            await self.clock.sleep(begun + fault["for"] - self.clock.now())
            clients.link_mended(number)
            self.own.pop(number, None)
            if fault["kind"] == "change":
                self._adopt(clients, without(self.changes, changes_of(fault)))

    def _adopt(self, clients: Clients, changes: list[tuple[str, Any]]) -> None:
        """The clients' part of the changes in force: how much they send, and their own policies."""
        self.changes = changes
        now = self.system.variant(tuple(changes)) if changes else self.system
        clients.adopt(now)
        for source in self.sources:
            source.adopt(now.sources[source.source.index], now)

    async def _look_on(self, clients: Clients) -> None:
        """Faults that others set between clients and services, and replicas for clients that balance themselves."""
        known: set[str] = set()
        silent = False
        while True:
            try:
                faults = await asyncio.to_thread(self.running.faults)
                on = {
                    f["id"]: f["fault"] for f in faults
                    if f["fault"]["caller"] == CLIENTS_NAME and f["id"] not in self.own
                }
                for number in on.keys() - known:
                    clients.link_fault(runtime_fault(on[number], number))
                for number in known - on.keys():
                    clients.link_mended(number)
                known = set(on)
                if clients.balancing:
                    clients.look(await asyncio.to_thread(self.running.view))
                silent = False
            except UsageError as error:
                if not silent:
                    self.tell(f"{error.message}; the traffic goes on")
                silent = True
            await asyncio.sleep(LOOK)

    async def _clear_own(self) -> None:
        for number in list(self.own):
            with contextlib.suppress(UsageError):
                await asyncio.to_thread(self.running.clear_faults, number)

    # -- what is told ----------------------------------------------------------------------------------

    async def _tell_on(self) -> None:
        while self.progress is not None:
            now = max(0, self.clock.now())
            self.progress(min(now, self.system.run.duration), self.system.run.duration, self.tally.snapshot(now))
            await asyncio.sleep(TICK)

    def _result(self) -> LoadResult:
        run = self.system.run
        measured = max(0, min(self.clock.now(), run.duration) - run.warmup) / SECOND
        return LoadResult(
            system=self.system.name, scenario=self.system.scenario, way=self.view["way"], seed=self.seed,
            seconds=measured, interrupted=self.interrupted, late=self.tally.late,
            entries=[entry.plain(measured) for entry in self.tally.entries.values()], lag_ms=self.tally.lag(),
            faults=self.struck, left_out=left_out(self.system), rows=self.tally.rows, sent=dict(self.tally.by_source),
            began=began_at(self.clock),
        )


def _starting_in(seconds: float) -> Callable[[], int]:
    """A clock's source by which the run begins so many seconds from now."""
    first = True

    def source() -> int:
        nonlocal first
        later = round(seconds * SECOND) if first else 0
        first = False
        return time.perf_counter_ns() + later

    return source
