"""Stores and caches inside this process, driven by an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from msforge.records import Outcome
from msforge.runtime.alarm import Alarm
from msforge.runtime.cache_contents import LEAD, CacheContents
from msforge.runtime.clock import Clock
from msforge.runtime.plan import Store
from msforge.runtime.station import Station

TIMEOUT: Final = int(Outcome.TIMEOUT)


class EmbeddedStores:
    """The stores of a system: each a station that all replicas share, and what it holds when it is a cache."""

    def __init__(self, stores: Iterable[Store], clock: Clock) -> None:
        self.clock = clock
        self.store_alarms: dict[str, Alarm] = {}
        self.stations: dict[str, Station] = {}
        self.caches: dict[str, CacheContents] = {}
        self.undo: dict[str, Callable[[], None]] = {}
        for store in stores:
            station = self.stations[store.name] = Station(store.connections, _told)
            self.store_alarms[store.name] = Alarm(clock, station)
            self.caches[store.name] = CacheContents()

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome."""
        station, alarm = self.stations[store], self.store_alarms[store]
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if hang:
            if timeout < 0:
                return await ended
            await self.clock.sleep(timeout)
            station.timeouts += 1
            return TIMEOUT
        visit = station.visit(self.clock.now(), ended, duration, timeout)
        alarm.set()
        try:
            return await ended
        except asyncio.CancelledError:
            station.abandon(self.clock.now(), visit)
            alarm.set()
            raise

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a store."""
        self.stations[store].timeouts += 1

    async def lookup(self, cache: str, key: str | None, hit: bool = False) -> bool:
        """Whether a cache holds a key; without a key the caller knows (`hit`), and it is only counted."""
        contents = self.caches[cache]
        if key is not None:
            return contents.lookup(self.clock.now(), key)
        contents.hits += hit
        contents.misses += not hit
        return hit

    async def fill(self, cache: str, key: str, ttl: int, capacity: int) -> None:
        """Have a cache hold a key, unless it is down."""
        if not self.stations[cache].down:
            self.caches[cache].fill(self.clock.now(), key, ttl, capacity)

    async def join(self, cache: str, key: str) -> int:
        """Wait for the read of a key that is under way; LEAD when none is."""
        contents = self.caches[cache]
        landed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def land(outcome: int) -> None:
            if not landed.done():
                landed.set_result(outcome)

        if not contents.join(key, land):
            return LEAD
        try:
            return await landed
        except asyncio.CancelledError:
            contents.leave(key, land)
            raise

    def land(self, cache: str, key: str, outcome: int) -> None:
        """The read that led has ended."""
        self.caches[cache].land(key, outcome)

    def adopt_store(self, store: str, connections: int) -> None:
        """Another number of connections, -1 for any; those that go are those that come free."""
        self.stations[store].adopt(self.clock.now(), connections)
        self.store_alarms[store].set()

    def store_stats(self, store: str) -> dict[str, int]:
        """What a store has counted, and what it is busy with."""
        station, cache = self.stations[store], self.caches[store]
        return {
            "arrived": station.arrived, "finished": station.finished, "timeouts": station.timeouts,
            "busy": len(station.serving), "waiting": len(station.queue),
            "hits": cache.hits, "misses": cache.misses, "shared": cache.shared,
        }

    def fault(self, spec: dict[str, Any]) -> None:
        """Begin {id, kind: pause | crash, store}."""
        self.clear(spec["id"])
        store = spec["store"]
        station = self.stations[store]
        if spec["kind"] == "pause":
            station.pause(self.clock.now())
            self.undo[spec["id"]] = lambda: self._go_on(store, station.unpause)
        else:
            station.crash(self.clock.now())
            self.caches[store].clear()
            self.undo[spec["id"]] = lambda: self._go_on(store, station.restore)
        self.store_alarms[store].set()

    def _go_on(self, store: str, again: Callable[[int], None]) -> None:
        again(self.clock.now())
        self.store_alarms[store].set()

    def clear(self, name: str) -> None:
        """End a fault; one that is not active is no news."""
        undo = self.undo.pop(name, None)
        if undo is not None:
            undo()


def _told(ended: asyncio.Future[int], outcome: int) -> None:
    if not ended.done():
        ended.set_result(outcome)
