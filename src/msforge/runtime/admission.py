"""A replica's door: rate limit, threads, and the queue before them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from msforge.policies.bucket import TokenBucket
from msforge.runtime.failures import OK, OVERLOADED, RATE_LIMITED, TIMEOUT

WAIT: Final = -1
BOUNDLESS: Final = 1 << 60
_Waiting = tuple[int, "asyncio.Future[None]"]


class Admission:
    """Gives a thread to those who may start, in the queue's order (fifo, lifo or priority: 1 before 2)."""

    __slots__ = ("_free", "_waiting", "bucket", "busy", "capacity", "discipline", "threads")

    def __init__(self, threads: int, queue: int, discipline: str = "fifo", bucket: TokenBucket | None = None) -> None:
        self.threads = threads
        self.capacity = queue if queue >= 0 else BOUNDLESS
        self.discipline = discipline
        self.bucket = bucket
        self.busy = 0
        self._free = threads if threads >= 0 else BOUNDLESS
        self._waiting: deque[_Waiting] = deque()

    def adopt(self, threads: int, queue: int, discipline: str, bucket: TokenBucket | None) -> None:
        """Take other numbers: new threads go to those who wait; one too many goes when its request ends."""
        self.threads = threads
        self.capacity = queue if queue >= 0 else BOUNDLESS
        self.discipline = discipline
        self.bucket = bucket
        self._free = (threads if threads >= 0 else BOUNDLESS) - self.busy
        while self._free > 0 and self._waiting:
            following = self._next()[1]
            if not following.done():
                self._free -= 1
                self.busy += 1
                following.set_result(None)

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return len(self._waiting)

    def admit(self, now: int, deadline: int = -1) -> int:
        """At the door at `now` (ns): OK has a thread, WAIT may wait for one, any other outcome is a refusal."""
        if self.bucket is not None and not self.bucket.take(now):
            return RATE_LIMITED
        if 0 <= deadline <= now:
            return TIMEOUT
        if self._free > 0:
            self._free -= 1
            self.busy += 1
            return OK
        return WAIT if len(self._waiting) < self.capacity else OVERLOADED

    async def wait(self, priority: int = 1, flow: object = None) -> None:
        """Wait for a thread, whoever (`flow`) it is for; being cancelled leaves the queue."""
        place: _Waiting = (priority, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            await place[1]
        except asyncio.CancelledError:
            if place[1].done() and not place[1].cancelled():
                self.leave()  # the thread had come in the same moment
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    async def enter(self, now: int, priority: int = 1, deadline: int = -1) -> int:
        """Through the door and the queue: OK with a thread, or the outcome of the refusal."""
        verdict = self.admit(now, deadline)
        if verdict == WAIT:
            await self.wait(priority)
            return OK
        return verdict

    def leave(self) -> None:
        """Give a thread back: it goes to the next who waits."""
        while self._waiting and self._free >= 0:
            following = self._next()[1]
            if not following.done():
                following.set_result(None)
                return
        self._free += 1
        self.busy -= 1

    def _next(self) -> _Waiting:
        waiting = self._waiting
        if self.discipline == "fifo":
            return waiting.popleft()
        if self.discipline == "lifo":
            return waiting.pop()
        best = min(range(len(waiting)), key=lambda i: waiting[i][0])
        found = waiting[best]
        del waiting[best]
        return found
