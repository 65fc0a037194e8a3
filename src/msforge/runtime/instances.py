"""A function's door: each request gets an instance of its own, one that is warm or one that starts cold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.policies.bucket import TokenBucket
from msforge.runtime.failures import OK, RATE_LIMITED, TIMEOUT

if TYPE_CHECKING:
    from msforge.runtime.clock import Clock
    from msforge.runtime.plan import Function

COLD = -1
"""The verdict of `admit` on who has to wait for a cold start; as `admission.WAIT`."""


class Instances:
    """All instances of a function. `warm` holds, for each idle one, until when it is kept (ns), the last used last.

    It stands where another service's `Admission` does. `busy` instances serve, `waiting` ones are starting.
    """

    __slots__ = ("bucket", "busy", "clock", "cold_starts", "function", "threads", "waiting", "warm")

    def __init__(self, function: Function, bucket: TokenBucket | None, clock: Clock) -> None:
        self.function = function
        self.bucket = bucket
        self.clock = clock
        self.threads = -1
        self.busy = 0
        self.waiting = 0
        self.cold_starts = 0
        self.warm: list[int] = []

    def adopt(self, function: Function, bucket: TokenBucket | None) -> None:
        """Take other numbers; an instance that is warm is kept as long as was meant when it came free."""
        self.function = function
        self.bucket = bucket

    def admit(self, now: int, deadline: int = -1) -> int:
        """At the door at `now` (ns): OK has a warm instance, COLD may `wait` for one, all else is a refusal."""
        if self.bucket is not None and not self.bucket.take(now):
            return RATE_LIMITED
        if 0 <= deadline <= now:
            return TIMEOUT
        return self.take(now)

    def take(self, now: int) -> int:
        """The warm instance that was used last, past the door: OK, or COLD when there is none."""
        self.warm = [until for until in self.warm if until > now]
        if not self.warm:
            return COLD
        self.warm.pop()
        self.busy += 1
        return OK

    async def wait(self, priority: int, flow: Any) -> None:
        """An instance starts for this request alone; one that is given up meanwhile is of no use to another."""
        self.cold_starts += 1
        self.waiting += 1
        try:
            await self.clock.sleep(flow.place.duration("cold", "start", self.function.cold_start))
        finally:
            self.waiting -= 1
        self.busy += 1

    def leave(self) -> None:
        """Its request is over: the instance stays warm for a while."""
        self.busy -= 1
        self.warm.append(self.clock.now() + self.function.keep_alive)
