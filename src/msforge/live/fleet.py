"""The replicas of a running system: which are up, which are believed to be, and what faults do to them.

The same for both ways of running; a *unit* is what differs: an app in this process, or a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from msforge.errors import MsforgeError
from msforge.live.autoscaling import autoscale
from msforge.live.backend import Backend, Unit
from msforge.live.faults import startup
from msforge.model.plan import Service, System
from msforge.records import SECOND
from msforge.scaffold.plans import started

STARTING, READY, DOWN, FAILED, STOPPED = "starting", "ready", "down", "failed", "stopped"
STOP: Final = 1.5
"""Seconds the replicas have to finish what they have when the system goes down."""

Tell = Callable[[str], None]
"""Where happenings are told, a line each."""


class StartError(MsforgeError):
    """A service did not start. Its hint is the end of its log."""


class Place:
    """One replica: its unit, and what happened to it."""

    def __init__(self, service: Service, ordinal: int, number: int, zone: int, unit: Unit) -> None:
        self.service = service
        self.number = number
        self.ordinal = ordinal
        self.zone = zone
        self.unit = unit
        self.ready: list[tuple[int, int | None]] = []
        """From when to when (ns since the epoch) it was ready; None: it is."""
        self._state = STOPPED
        self.ahead = False  # of a version that is being deployed
        self.downs = 0
        self.believed = False
        self.leaving = False

    @property
    def state(self) -> str:
        """STARTING, READY, DOWN, FAILED or STOPPED."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        if state == READY != self._state:
            self.ready.append((time.time_ns(), None))
        elif self._state == READY != state:
            self.ready[-1] = (self.ready[-1][0], time.time_ns())
        self._state = state

    @property
    def name(self) -> str:
        """E.g. order.1."""
        return f"{self.service.name}.{self.ordinal}"

    @property
    def consumer(self) -> str:
        """What brokers call it."""
        return f"{self.service.name}#{self.ordinal}"


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
        self.numbers_of: Callable[[Place], dict[str, Any]] = lambda place: {}
        self.made = {service.name: 0 for service in system.services}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stops: set[asyncio.Task[None]] = set()
        self._ending = False
        for service in system.services:
            self.places[service.name] = []
            for _ in range(started(service)):
                self._add(service)

    def _add(self, service: Service) -> Place:
        def crashed() -> None:
            self.died(place)

        ordinal = self.made[service.name]
        zone = service.zones[ordinal % len(service.zones)] if service.zones else -1
        unit = self.backend.unit(service, ordinal, self._number, crashed)
        place = Place(service, ordinal, self._number, zone, unit)
        self.made[service.name] += 1
        self._number += 1
        self.places[service.name].append(place)
        return place

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
        for service in self.system.services:
            self.spawn(autoscale(self, service.index))

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
        await asyncio.gather(*self._stops, return_exceptions=True)
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
        if place.leaving:
            self._part(place)
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
            self.spawn(self._return(place, place.downs))

    async def _return(self, place: Place, downs: int, *, at_once: bool = False) -> None:
        loop = asyncio.get_running_loop()
        delay = 0
        if not at_once:
            delay = startup(self.system, place.service.name, place.ordinal, downs, seed=self.seed)
        due = loop.time() + self.seconds(delay)
        await asyncio.sleep(max(0.0, due - loop.time() - self.backend.head_start))
        if place.state != DOWN or place.downs != downs:
            return
        place.state = STARTING
        self.backend.parts.hold(place.consumer)
        place.unit.held = True
        try:
            await place.unit.start()
        except StartError as error:
            if place.state == STARTING and place.downs == downs:
                place.state = FAILED
                self.tell(f"{place.name} did not come back: {error.message}")
            return
        await asyncio.sleep(max(0.0, due - loop.time()))
        if place.state == STOPPED:  # it was let go while it started
            await place.unit.stop()
        elif place.downs == downs:
            await self._ready(place)
            self.tell(f"{place.name} is {'back' if place.downs else 'ready'}")

    async def _ready(self, place: Place) -> None:
        numbers = self.numbers_of(place)
        if numbers:
            await place.unit.set_numbers(numbers)
        for fault in self.faults_of(place):
            await place.unit.set_fault(fault)
        self.backend.parts.release(place.consumer)
        if place.unit.held:
            place.unit.held = False
            await place.unit.release()
        place.state = READY
        place.believed = not place.leaving
        await self._believe(place.service.name)

    def _detect(self, place: Place) -> None:
        downs = place.downs

        async def learn() -> None:
            if place.service.detect:  # without, before anything else happens
                await asyncio.sleep(self.seconds(place.service.detect))
            if place.downs == downs and place.state != READY:
                place.believed = False
                await self._believe(place.service.name)

        self.spawn(learn())

    async def _believe(self, service: str) -> None:
        await self.backend.believe(service, [place.unit.url for place in self.places[service] if place.believed])

    # -- more replicas, and fewer -----------------------------------------------------------------

    async def adopt(self, system: System) -> None:
        """A changed plan is in force: the same services with other numbers."""
        self.system = system
        for place in self.all():
            place.service = system.services[place.service.index]

    def resize(self, service: str, wanted: int, why: str) -> None:
        """Have so many replicas: new ones start up, the youngest leave."""
        staying = self.staying(service)
        if wanted == len(staying) or self._ending:
            return
        self.tell(f"{service}: {len(staying)} -> {wanted} replicas ({why})")
        for _ in range(wanted - len(staying)):
            self.spawn(self.join(service))
        for place in staying[wanted:]:
            self.leave(place)

    def service(self, name: str) -> Service:
        """The plan of a service."""
        return next(service for service in self.system.services if service.name == name)

    def leave(self, place: Place) -> None:
        """As `retire`, in its own time."""
        self.spawn(self.retire(place))

    async def look(self, place: Place) -> dict[str, Any]:
        """What a replica says of itself now; nothing when it is not ready."""
        return await place.unit.look() if place.state == READY else {}

    def staying(self, service: str) -> list[Place]:
        """Its replicas, without those that are on their way out."""
        return [place for place in self.places[service] if not place.leaving]

    async def join(self, service: str, *, ahead: bool = False) -> None:
        """A new replica, ready after its startup; `ahead`: of the version that is being deployed."""
        place = self._add(self.service(service))
        place.ahead = ahead
        place.state = DOWN
        for callee in self.places:  # its own balancers know nothing yet
            await self._believe(callee)
        at_once = ahead and place.service.function is not None  # its instances start cold instead
        await self._return(place, 0, at_once=at_once)

    async def retire(self, place: Place, within: float | None = None) -> None:
        """No more requests for it; once it has finished what it has, or died, it is gone.

        `within` so many seconds, then it is killed.
        """
        place.leaving = True
        place.believed = False
        await self._believe(place.service.name)
        if place.state == READY:
            try:
                async with asyncio.timeout(within):
                    await place.unit.drain()
            except TimeoutError:
                place.unit.crash()
        self._part(place)

    def _part(self, place: Place) -> None:
        if place not in self.places[place.service.name]:
            return
        self.places[place.service.name].remove(place)
        place.state = STOPPED
        place.downs += 1  # whatever was to start it is off
        stop = asyncio.get_running_loop().create_task(self._stop_for_good(place))
        self._stops.add(stop)
        stop.add_done_callback(self._stops.discard)

    async def _stop_for_good(self, place: Place) -> None:
        await place.unit.stop()
        self.backend.forget(place.unit)
        self.tell(f"{place.name} has left")

    # -- helpers --------------------------------------------------------------------------------

    def seconds(self, ns: int) -> float:
        """Real seconds of a simulated duration."""
        return ns * self.scale / SECOND

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the system goes down."""
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


