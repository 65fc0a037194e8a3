"""Where draws come from: a stream per place in a call path, read by request number.

A draw is a pure function of what it is for (`policies.draws`); a stream only computes it in
blocks, because neighbouring requests need neighbouring values. Blocks grow while they are
used up in order, and shrink to single draws where a place is visited rarely.
"""

from __future__ import annotations

from typing import Any

from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.sim import blocks

SMALLEST_BLOCK = 16
LARGEST_BLOCK = 4096
VALUES_HELD = 2_000_000  # over all streams of an engine; bounds memory with thousands of streams
CONTEXTS_HELD = 4096     # sub-streams of one stream


class Pool:
    """Counts the streams of an engine, so that many streams keep smaller blocks."""

    __slots__ = ("streams",)

    def __init__(self) -> None:
        self.streams = 0

    def cap(self) -> int:
        """The largest block a stream may hold now."""
        return max(SMALLEST_BLOCK, min(LARGEST_BLOCK, VALUES_HELD // (self.streams + 1)))


class Stream:
    """Draws for one purpose at one place. `dist` None gives uniforms in (0, 1); else rounded ns (or counts)."""

    __slots__ = ("context", "dist", "first", "key", "old", "old_first", "pool", "size", "subs", "values")

    def __init__(self, pool: Pool, key: int, dist: Dist | None, context: int = 0) -> None:
        self.pool = pool
        self.key = key
        self.dist = dist
        self.context = context
        self.first = 0
        self.size = 0
        self.values: list[Any] = []
        self.old_first = 0
        self.old: list[Any] = []
        self.subs: dict[int, Stream] | None = None
        pool.streams += 1

    def at(self, context: int) -> Stream:
        """The same purpose for another occurrence or try of an ancestor."""
        subs = self.subs
        if subs is None:
            subs = self.subs = {}
        found = subs.get(context)
        if found is None:
            if len(subs) >= CONTEXTS_HELD:
                subs.clear()
            found = subs[context] = Stream(self.pool, self.key, self.dist, context)
        return found

    def get(self, number: int) -> Any:
        """The draw for this request number."""
        i = number - self.first
        if 0 <= i < self.size:
            return self.values[i]
        return self.fetch(number)

    def fetch(self, number: int) -> Any:
        """The draw for a number outside the current block; moves the block on when that pays."""
        i = number - self.old_first
        if 0 <= i < len(self.old):
            return self.old[i]
        gap = number - (self.first + self.size)
        if gap < 0:
            return self._one(number)
        self.old_first, self.old = self.first, self.values
        if self.size > 0 and gap <= max(SMALLEST_BLOCK, self.size):
            self.size = min(self.pool.cap(), max(SMALLEST_BLOCK, self.size * 4))
            self.values = self._block(number, self.size)
        else:
            self.size = 1
            self.values = [self._one(number)]
        self.first = number
        return self.values[0]

    def _one(self, number: int) -> Any:
        if self.dist is None:
            return draws.uniform(self.key, number, self.context)
        return draws.duration(self.dist, self.key, number, self.context)

    def _block(self, first: int, count: int) -> list[Any]:
        if self.dist is None:
            uniforms: list[float] = blocks.uniform_block(self.key, first, count, self.context).tolist()
            return uniforms
        return blocks.durations(self.dist, self.key, first, count, self.context)


class Site:
    """A place in a call path: a block of steps as reached through its ancestors.

    `streams` and `subs` are indexed by the slot of an operation (a number of its own, so that a
    changed step gets new streams with the same dice); `there` and `back` are the network draws
    of the request that leads here. Sites are made when first reached, so a system's paths are
    only those that its traffic takes.
    """

    __slots__ = ("back", "key", "pool", "streams", "subs", "there")

    def __init__(self, pool: Pool, key: int, latency: Dist | None = None) -> None:
        self.pool = pool
        self.key = key
        self.streams: dict[int, Stream] = {}
        self.subs: dict[int, Site] = {}
        self.there: Stream | None = None
        self.back: Stream | None = None
        if latency is not None:
            self.there = Stream(pool, draws.child_key(key, "@there"), latency)
            self.back = Stream(pool, draws.child_key(key, "@back"), latency)

    def draw(self, slot: int, word: str, purpose: str, dist: Dist | None, number: int, context: int) -> Any:
        """The draw of a step for `purpose`; its stream is made on first use and kept under `slot`."""
        stream = self.streams.get(slot)
        if stream is None:
            # "@" keeps purposes apart from words: no step can be named so
            key = draws.child_key(draws.child_key(self.key, word), f"@{purpose}")
            stream = self.streams[slot] = Stream(self.pool, key, dist)
        if context:
            stream = stream.at(context)
        return stream.get(number)

    def sub(self, slot: int, word: str, latency: Dist | None = None) -> Site:
        """The site inside a step: its blocks, or the body it calls."""
        found = self.subs.get(slot)
        if found is None:
            found = self.subs[slot] = Site(self.pool, draws.child_key(self.key, word), latency)
        return found


def context_of(context: int, index: int, attempt: int) -> int:
    """The context inside occurrence `index`, try `attempt` of a step; 0 while all are the first."""
    if context == 0 and index == 0 and attempt == 0:
        return 0
    return draws.occurrence(context, index, attempt)
