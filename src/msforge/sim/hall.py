"""The threads of a replica whose requests end at times that are not known when they come."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from msforge.sim.kernel import REQUEST, Timer
from msforge.sim.leaf import FOREVER

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.visit import Visit


class Hall:
    """Threads of one replica of an inner service, taken first come, first served.

    `free` threads are so for sure; `ends` are the known times (ns) at which others come free. Messages
    overtake none, so requests come in the order in which they are sent: one that finds a thread surely
    free on its arrival has it, and as long as nobody waits, a thread that comes free needs no event.
    While somebody does, none is `free`, and there is an event at the earliest known end (`wake`; -1: none).
    """

    __slots__ = ("ends", "engine", "free", "limited", "number", "queue", "wake")

    def __init__(self, engine: Engine, number: int, threads: int) -> None:
        self.engine = engine
        self.number = number
        self.free = threads
        self.limited = threads < FOREVER
        self.ends: list[int] = []
        self.queue: deque[Visit] = deque()
        self.wake = -1

    def admit(self, visit: Visit) -> bool:
        """A request is sent here: whether it has a thread on its arrival. If not, its turn will come."""
        arrive, ends = visit.arrive, self.ends
        if not self.queue:
            while ends and ends[0] <= arrive:
                heappop(ends)
                self.free += 1
            if self.free:
                self.free -= 1
                visit.begin = arrive
                return True
        self.queue.append(visit)
        self._appoint()
        return False

    def leave(self, end: int) -> None:
        """A thread will come free at `end` (ns, now or later)."""
        if self.limited:
            heappush(self.ends, end)
        if self.queue:
            if end <= self.engine.env.now:
                self._pass_on()
            self._appoint()

    def _pass_on(self) -> None:
        """Threads that are free go to those waiting."""
        ends, queue, now = self.ends, self.queue, self.engine.env.now
        while queue and ends and ends[0] <= now:
            visit = queue.popleft()
            visit.begin = max(heappop(ends), visit.arrive)
            visit.go(visit.begin)

    def _appoint(self) -> None:
        """Look again at the earliest end."""
        if self.queue and self.ends and (self.wake < 0 or self.ends[0] < self.wake):
            self.wake = self.ends[0]
            self.engine.schedule(Timer(_look, (self, self.wake)), REQUEST, self.wake - self.engine.env.now)

    def look(self, appointed: int) -> None:
        """The time of an appointment; an earlier one may have taken its place."""
        if appointed == self.wake:
            self.wake = -1
            self._pass_on()
            self._appoint()


def _look(appointment: tuple[Any, int]) -> None:
    hall, at = appointment
    hall.look(at)
