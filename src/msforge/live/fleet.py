"""The replicas of a running system: which are up, which are believed to be, and what faults do to them.

The same for both ways of running; a *unit* is what differs: an app in this process, or a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from msforge.errors import MsforgeError
from msforge.live.faults import startup
from msforge.model.plan import Service, System
from msforge.records import SECOND

STARTING, READY, DOWN, FAILED, STOPPED = "starting", "ready", "down", "failed", "stopped"
STOP: Final = 1.5
"""Seconds the replicas have to finish what they have when the system goes down."""

Tell = Callable[[str], None]
"""Where happenings are told, a line each."""


Told = Callable[[str], dict[str, str]]
"""The settings (without a prefix) that tell a service where the servers beside it are."""


def nothing_told(service: str) -> dict[str, str]:
    """There are no servers beside the services."""
    return {}


class StartError(MsforgeError):
    """A service did not start. Its hint is the end of its log."""


class Unit(Protocol):
    """One replica as the fleet handles it."""

    url: str

    @property
    def pid(self) -> int:
        """The process it runs in."""

    async def start(self) -> None:
        """Start it and return once it is ready. Raises StartError."""

    async def stop(self) -> None:
        """Let it finish what it has, then end it."""

    def crash(self) -> None:
        """It dies now: its listener is closed, its connections are reset."""

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Switch on a fault (`faults.runtime_fault`)."""

    async def clear_fault(self, number: str) -> None:
        """Switch one off."""

    async def look(self) -> dict[str, Any]:
        """What it says of itself now: busy, waiting."""


class Backend(Protocol):
    """What units stand on: made once a system, before any unit."""

    head_start: float
    """Seconds that starting a unit takes by itself."""
    told: Told
    """What units are told of the servers beside them, once these are up."""

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> Unit:
        """A new unit, not started. It calls `crashed` when it dies by itself."""

    async def open(self) -> None:
        """Whatever has to be there before the first unit."""

    async def close(self) -> None:
        """End all that is left."""

    async def believe(self, service: str, urls: list[str]) -> None:
        """Tell every balancer of the service's callers which replicas it may use."""

    async def part_fault(self, fault: Mapping[str, Any]) -> None:
        """Pause or crash a store, or cut a service off from a channel that it reads."""

    async def part_clear(self, number: str) -> None:
        """No more."""

    async def stats(self) -> dict[str, dict[str, int]]:
        """Counts of each channel."""


class Place:
    """One replica: its unit, and what happened to it."""

    def __init__(self, service: Service, ordinal: int, zone: int, unit: Unit) -> None:
        self.service = service
        self.ordinal = ordinal
        self.zone = zone
        self.unit = unit
        self.state = STOPPED
        self.downs = 0
        self.believed = False

    @property
    def name(self) -> str:
        """E.g. order.1."""
        return f"{self.service.name}.{self.ordinal}"


class Fleet:
    """All replicas of a system. `faults_of` names the faults that a replica must have when it comes up."""

    def __init__(self, system: System, backend: Backend, *, seed: int, scale: float = 1.0, tell: Tell) -> None:
        self.system = system
        self.backend = backend
        self.seed = seed
        self.scale = scale
        self.tell: Tell = tell
        self.places: dict[str, list[Place]] = {}
        self.faults_of: Callable[[Place], list[Mapping[str, Any]]] = lambda place: []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        number = 0
        for service in system.services:
            self.places[service.name] = []
            for ordinal in range(service.replicas):
                zone = service.zones[ordinal % len(service.zones)] if service.zones else -1
                self._add(service, ordinal, zone, number)
                number += 1

    def _add(self, service: Service, ordinal: int, zone: int, number: int) -> None:
        def crashed() -> None:
            self.died(place)

        place = Place(service, ordinal, zone, self.backend.unit(service, ordinal, number, crashed))
        self.places[service.name].append(place)

    def all(self) -> list[Place]:
        """Every replica, in the file's order."""
        return [place for places in self.places.values() for place in places]

    # -- up and down ----------------------------------------------------------------------------

    async def up(self) -> None:
        """Start everything, callees before their callers. Raises StartError; whoever called then calls `down`."""
        await self.backend.open()
        for level in levels(self.system):
            places = [place for name in level for place in self.places[name]]
            await _all(self._first_start(place) for place in places)

    async def _first_start(self, place: Place) -> None:
        place.state = STARTING
        try:
            await place.unit.start()
        except StartError:
            place.state = FAILED
            raise
        await self._ready(place)

    async def down(self) -> None:
        """Stop everything, callers before their callees; returns when nothing is left."""
        self._ending = True
        for task in list(self._tasks):
            task.cancel()
        for level in reversed(levels(self.system)):
            going = [place for name in level for place in self.places[name] if place.state != STOPPED]
            results = await asyncio.gather(*(place.unit.stop() for place in going), return_exceptions=True)
            for place, result in zip(going, results, strict=True):
                if isinstance(result, Exception):
                    self.tell(f"{place.name} did not stop cleanly: {result}")
                place.state = STOPPED
        await self.backend.close()

    # -- crashes and returns --------------------------------------------------------------------

    def crash(self, place: Place) -> None:
        """A replica dies now; its balancers learn of it after `detect`."""
        place.downs += 1
        if place.state == READY:
            self.tell(f"{place.name} crashed")
            place.state = DOWN
            place.unit.crash()
            self._detect(place)
        elif place.state == STARTING:
            place.state = DOWN
            place.unit.crash()

    def died(self, place: Place) -> None:
        """A replica died by itself: it is started again."""
        if self._ending or place.state != READY:
            return
        place.downs += 1
        self.tell(f"{place.name} crashed by itself")
        place.state = DOWN
        place.unit.crash()
        self._detect(place)
        self.come_back(place)

    def come_back(self, place: Place) -> None:
        """Start a replica that is down; it is ready after `startup`."""
        if not self._ending and place.state == DOWN:
            self._spawn(self._return(place, place.downs))

    async def _return(self, place: Place, downs: int) -> None:
        loop = asyncio.get_running_loop()
        delay = startup(self.system, place.service.name, place.ordinal, downs, seed=self.seed)
        due = loop.time() + self.seconds(delay)
        await asyncio.sleep(max(0.0, due - loop.time() - self.backend.head_start))
        if place.state != DOWN or place.downs != downs:
            return
        place.state = STARTING
        try:
            await place.unit.start()
        except StartError as error:
            if place.state == STARTING and place.downs == downs:
                place.state = FAILED
                self.tell(f"{place.name} did not come back: {error.message}")
            return
        await asyncio.sleep(max(0.0, due - loop.time()))
        if place.downs == downs:
            await self._ready(place)
            self.tell(f"{place.name} is back")

    async def _ready(self, place: Place) -> None:
        for fault in self.faults_of(place):
            await place.unit.set_fault(fault)
        place.state = READY
        place.believed = True
        await self._believe(place.service.name)

    def _detect(self, place: Place) -> None:
        downs = place.downs

        async def learn() -> None:
            await asyncio.sleep(self.seconds(place.service.detect))
            if place.downs == downs and place.state != READY:
                place.believed = False
                await self._believe(place.service.name)

        self._spawn(learn())

    async def _believe(self, service: str) -> None:
        await self.backend.believe(service, [place.unit.url for place in self.places[service] if place.believed])

    # -- helpers --------------------------------------------------------------------------------

    def seconds(self, ns: int) -> float:
        """Real seconds of a simulated duration."""
        return ns * self.scale / SECOND

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.tell(f"something went wrong: {task.exception()}")


async def _all(works: Any) -> None:
    """Runs them at once; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        raise


def levels(system: System) -> list[list[str]]:
    """The services' names, those that call nobody first; a circle stays together."""
    calls: dict[int, set[int]] = {service.index: set() for service in system.services}
    for edge in system.edges:
        caller, callee = system.bodies[edge.caller].service, system.bodies[edge.callee].service
        if caller != callee:
            calls[caller].add(callee)
    made: list[list[str]] = []
    left = set(calls)
    while left:
        level = {service for service in left if not calls[service] & left}
        level = level or left
        made.append([system.services[service].name for service in sorted(level)])
        left -= level
    return made


