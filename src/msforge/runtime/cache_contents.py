"""What a cache holds: keys until they expire or the least recently used must go; and reads under way for others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msforge.records import Outcome

RESET: Final = int(Outcome.RESET)
LEAD: Final = -1
"""A read that joins a flight is its first: it must go to the store, and say how that ended."""
AGAIN: Final = -2
"""The first of a flight gave up: those that waited for it look up anew."""


class CacheContents:
    """Contents and flights of one cache. Every method takes `now` (ns) where it matters."""

    def __init__(self) -> None:
        self.expiries: OrderedDict[str, int] = OrderedDict()  # -1: never
        self.flights: dict[str, list[Callable[[int], None]]] = {}
        self.hits = self.misses = self.shared = 0

    def lookup(self, now: int, key: str) -> bool:
        """Whether it holds a key; one found is the most recently used."""
        expiry = self.expiries.get(key)
        if expiry is None:
            self.misses += 1
            return False
        if 0 <= expiry <= now:
            del self.expiries[key]
            self.misses += 1
            return False
        self.expiries.move_to_end(key)
        self.hits += 1
        return True

    def fill(self, now: int, key: str, ttl: int, capacity: int) -> None:
        """Hold a key for `ttl` ns (-1: until it must go), with at most `capacity` (-1: any number) others."""
        self.expiries[key] = now + ttl if ttl >= 0 else -1
        self.expiries.move_to_end(key)
        while 0 <= capacity < len(self.expiries):
            self.expiries.popitem(last=False)

    def join(self, key: str, landed: Callable[[int], None]) -> bool:
        """Wait for the read of `key` that is under way: `landed(outcome)` is called. False: none is, lead one."""
        waiting = self.flights.get(key)
        if waiting is None:
            self.flights[key] = []
            return False
        self.shared += 1
        waiting.append(landed)
        return True

    def land(self, key: str, outcome: int) -> None:
        """The read that led has ended so; AGAIN when it was given up."""
        for landed in self.flights.pop(key, []):
            landed(outcome)

    def leave(self, key: str, landed: Callable[[int], None]) -> None:
        """One that waited does so no more."""
        waiting = self.flights.get(key, [])
        if landed in waiting:
            waiting.remove(landed)

    def clear(self) -> None:
        """A crash: nothing is held, and those that waited fail."""
        self.expiries.clear()
        flights, self.flights = self.flights, {}
        for waiting in flights.values():
            for landed in waiting:
                landed(RESET)
