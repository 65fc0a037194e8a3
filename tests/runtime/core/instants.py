"""An event loop in virtual time that keeps the simulator's order within one instant.

Time moves on when nothing is left to do. At an instant come changes first, then timers in the order in which they were
set, with all that follows from them, then whoever gives up (timeouts and deadlines).
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from msforge.runtime.clock import Clock

T = TypeVar("T")


class Timer(asyncio.TimerHandle):
    """A timer that remembers the order in which it was set."""

    __slots__ = ("due", "turn")

    def __lt__(self, other: Any) -> bool:
        return (self.due, self.turn) < (other.due, other.turn)


class Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits."""

    loop: Instants

    def select(self, timeout: float | None = None) -> Any:
        """What is ready now; when nothing is and nothing is left to do, time moves on."""
        ready = super().select(0)
        if not ready and timeout != 0:
            self.loop.move_on()
        return ready


class Instants(asyncio.SelectorEventLoop):
    """A loop in virtual time, ns from 0."""

    def __init__(self) -> None:
        self.ns = 0
        self.turns = count()
        self.changes: list[Any] = []
        self.quitters: list[Timer] = []
        selector = Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-10

    def time(self) -> float:
        """Seconds since the start."""
        return self.ns / 1e9

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Timer:  # type: ignore[override]
        """Set a timer."""
        timer = self.timer(round(when * 1e9), callback, args, context)
        heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def timer(self, due: int, callback: Any, args: Any, context: Any = None) -> Timer:
        """A timer that is not on any list."""
        timer = Timer(due / 1e9, callback, args, self, context)
        timer.due, timer.turn = due, next(self.turns)
        return timer

    def change(self, at: int, act: Callable[[], None]) -> None:
        """Do something at `at` (ns), before all else that happens then."""
        heappush(self.changes, (at, next(self.turns), act))

    def move_on(self) -> None:
        """To the next instant, or to those who give up at this one."""
        quitters = self.quitters
        while quitters and quitters[0].cancelled():
            heappop(quitters)
        scheduled = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0].cancelled():
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heappop(scheduled)._scheduled = False
        following = min((timers[0].due for timers in (quitters, scheduled) if timers), default=None)
        if self.changes and (following is None or self.changes[0][0] <= following):
            self.ns = max(self.ns, self.changes[0][0])
            while self.changes and self.changes[0][0] <= self.ns:
                heappop(self.changes)[2]()
        elif following is None:
            raise RuntimeError("nothing will ever happen")
        else:
            self.ns = max(self.ns, following)
            if quitters and quitters[0].due <= self.ns and not (scheduled and scheduled[0].due <= self.ns):
                self._ready.append(heappop(quitters))  # type: ignore[attr-defined]

    def clock(self) -> Clock:
        """A clock that keeps this loop's time."""
        return InstantClock(self)


class InstantClock(Clock):
    """The loop's clock: whoever gives up does so last."""

    __slots__ = ("loop",)

    def __init__(self, loop: Instants) -> None:
        super().__init__(source=lambda: loop.ns)
        self.loop = loop

    def give_up(self, ns: int, act: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """A timer for the end of an instant."""
        timer = self.loop.timer(self.loop.ns + max(0, ns), act, arguments)
        heappush(self.loop.quitters, timer)
        return timer


def run(main: Callable[[Instants], Coroutine[Any, Any, T]]) -> T:
    """Run to the end in virtual time, and close the loop."""
    loop = Instants()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.close()
