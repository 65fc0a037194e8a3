"""A store as a station whose servers are connections: operations wait in line, take their time, give up.

A machine without a clock: `visit` puts an operation in, `ended(operation, outcome)` is called for each that ends,
`due()` is when something happens next, `wake(now)` does what is due, each thing at its own time, so that a late wake
delays nobody behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from msforge.records import Outcome

OK: Final = int(Outcome.OK)
RESET: Final = int(Outcome.RESET)
TIMEOUT: Final = int(Outcome.TIMEOUT)
UNAVAILABLE: Final = int(Outcome.UNAVAILABLE)
UNBOUND: Final = 1 << 60
SERVED, GIVEN_UP = 0, 1  # what a timer is for; at one instant an operation is done before it is given up


class Visit:
    """One operation. `subject` is the caller's own; `awaited` until it is told how the operation ended."""

    __slots__ = ("awaited", "due", "duration", "left", "subject", "turn")

    def __init__(self, subject: Any, duration: int) -> None:
        self.subject = subject
        self.duration = duration
        self.awaited = True
        self.due = -1   # ns; -1 while it waits in line
        self.left = -1  # ns of its service to go, when a pause began
        self.turn = 0   # a timer set before a pause is none of its present one


class Station:
    """`connections` operations at once (-1: any number), the others in the order they came."""

    def __init__(self, connections: int, ended: Callable[[Any, int], None]) -> None:
        self.connections = self.free = connections if connections >= 0 else UNBOUND
        self.ended = ended
        self.queue: deque[Visit] = deque()
        self.serving: dict[Visit, None] = {}
        self.paused = 0
        self.down = 0
        self.arrived = self.finished = self.timeouts = 0
        self._timers: list[tuple[int, int, int, int, Visit]] = []
        self._number = 0

    def adopt(self, now: int, connections: int) -> None:
        """So many at once from now on; what is under way goes on."""
        self.wake(now)
        before = self.connections
        self.connections = connections if connections >= 0 else UNBOUND
        self.free += self.connections - before
        self._next(now)

    def due(self) -> int:
        """When (ns) something is to happen next; -1 for never."""
        timers = self._timers
        while timers and not self._meant(timers[0]):
            heappop(timers)
        return timers[0][0] if timers else -1

    def wake(self, now: int) -> None:
        """Do what is due by now."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            timer = heappop(timers)
            if not self._meant(timer):
                continue
            if timer[1] == SERVED:
                self._served(timer[0], timer[4])
            else:
                self._given_up(timer[4])

    def _meant(self, timer: tuple[int, int, int, int, Visit]) -> bool:
        visit = timer[4]
        if timer[1] == SERVED:
            return not self.paused and visit in self.serving and timer[3] == visit.turn
        return visit.awaited

    def _timer(self, when: int, kind: int, visit: Visit) -> None:
        self._number += 1
        heappush(self._timers, (when, kind, self._number, visit.turn, visit))

    def visit(self, now: int, subject: Any, duration: int, timeout: int = -1) -> Visit:
        """An operation arrives; `timeout` (ns, -1: never) ends its caller's wait."""
        self.wake(now)
        visit = Visit(subject, duration)
        if self.down:
            visit.awaited = False
            self.ended(subject, UNAVAILABLE)
            return visit
        self.arrived += 1
        if timeout >= 0:
            self._timer(now + timeout, GIVEN_UP, visit)
        if self.free > 0 and not self.paused:
            self._serve(now, visit)
        else:
            self.queue.append(visit)
        return visit

    def _serve(self, now: int, visit: Visit) -> None:
        self.free -= 1
        self.serving[visit] = None
        visit.due = now + visit.duration
        self._timer(visit.due, SERVED, visit)

    def _served(self, now: int, visit: Visit) -> None:
        del self.serving[visit]
        self.finished += 1
        self.free += 1
        self._next(now)
        self._tell(visit, OK)

    def _next(self, now: int) -> None:
        while self.free > 0 and self.queue and not self.paused:
            self._serve(now, self.queue.popleft())

    def _given_up(self, visit: Visit) -> None:
        self.timeouts += 1
        self._leave_line(visit)
        self._tell(visit, TIMEOUT)

    def _leave_line(self, visit: Visit) -> None:
        if visit.due < 0 and visit in self.queue:
            self.queue.remove(visit)
            self.finished += 1

    def _tell(self, visit: Visit, outcome: int) -> None:
        if visit.awaited:
            visit.awaited = False
            self.ended(visit.subject, outcome)

    def abandon(self, now: int, visit: Visit) -> None:
        """Nobody waits for it: one that has not begun leaves the line, one that has runs to its end."""
        self.wake(now)
        if visit.awaited:
            visit.awaited = False
            self._leave_line(visit)

    def pause(self, now: int) -> None:
        """Nothing goes on until `unpause`."""
        self.wake(now)
        self.paused += 1
        if self.paused == 1:
            for visit in self.serving:
                visit.left = visit.due - now
                visit.turn += 1

    def unpause(self, now: int) -> None:
        """Go on from there."""
        self.wake(now)
        self.paused -= 1
        if self.paused:
            return
        for visit in self.serving:
            visit.due = now + visit.left
            self._timer(visit.due, SERVED, visit)
        self._next(now)

    def crash(self, now: int) -> None:
        """All operations fail with `reset`; until `restore` new ones are `unavailable`."""
        self.wake(now)
        self.down += 1
        lost = [*self.serving, *self.queue]
        self.free += len(self.serving)
        self.serving.clear()
        self.queue.clear()
        self.finished += len(lost)
        for visit in lost:
            self._tell(visit, RESET)

    def restore(self, now: int) -> None:
        """One crash is over."""
        self.wake(now)
        self.down -= 1
