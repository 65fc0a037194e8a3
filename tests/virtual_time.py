"""An event loop in virtual time, for all tests of the runtime: it keeps the simulator's order within one instant.

Time moves on when nothing is left to do. At an instant come changes first, then timers in the order in which they were
set, with all that follows from them, then whoever gives up (timeouts and deadlines).
"""

from __future__ import annotations

import asyncio
import gc
import selectors
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from msforge.runtime.clock import Clock

CHANGE, REQUEST, GIVE_UP = 0, 1, 2
T = TypeVar("T")
MS = 1_000_000
"""ns."""


class Timer(asyncio.TimerHandle):
    """A timer that remembers the order in which it was set."""

    __slots__ = ("due", "turn")

    def __lt__(self, other: Any) -> bool:
        return (self.due, self.turn) < (other.due, other.turn)


class Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        """What is ready now; when nothing is and nothing is left to do, the next thing happens."""
        ready = super().select(0)
        if not ready and timeout != 0:
            self.loop.move_on()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, `ns` from 0.

    What happens at an instant waits in three lists: changes, requests, and those who give up.
    """

    def __init__(self) -> None:
        self.ns = 0
        self.turns = count()
        self.lists: tuple[list[Timer], list[Timer], list[Timer]] = ([], [], [])
        selector = Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the start."""
        return self.ns / 1e9

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Timer:  # type: ignore[override]
        """Set a timer, to whole ns."""
        return self.at(round(when * 1e9), REQUEST, callback, args, context)

    def at(self, due: int, kind: int, callback: Any, args: Any = (), context: Any = None) -> Timer:
        """Set a timer of a kind: CHANGE, REQUEST or GIVE_UP."""
        timer = Timer(due / 1e9, callback, args, self, context)
        timer.due, timer.turn = max(due, self.ns), next(self.turns)
        heappush(self.lists[kind], timer)
        return timer

    def move_on(self) -> None:
        """To the next thing that happens: one, and then all that follows from it."""
        for timers in self.lists:
            while timers and timers[0].cancelled():
                heappop(timers)
        firsts = [timers for timers in self.lists if timers]
        if not firsts:
            raise RuntimeError("nothing will ever happen")
        first = min(firsts, key=lambda timers: timers[0].due)  # of several at one instant the first kind
        self.ns = first[0].due
        self._ready.append(heappop(first))  # type: ignore[attr-defined]

    def clock(self) -> VirtualClock:
        """A clock that keeps this loop's time."""
        return VirtualClock(self)

    def play(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end, stop whatever is left, and close."""
        problems: list[Any] = []
        self.set_exception_handler(lambda _, told: problems.append(told) if "exception" in told else None)
        try:
            return self.run_until_complete(main)
        finally:
            while left := asyncio.all_tasks(self):  # one that is stopped may leave others behind
                for task in left:
                    task.cancel()
                self.run_until_complete(asyncio.sleep(0))
            self.run_until_complete(self.shutdown_asyncgens())
            gc.collect()  # a task that failed and that nobody asked says so when it goes
            self.close()
            assert not problems, problems


class VirtualClock(Clock):
    """The loop's clock: whoever gives up does so last."""

    __slots__ = ("loop",)

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__(source=lambda: loop.ns)
        self.loop = loop

    def give_up(self, ns: int, act: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """A timer for the end of an instant."""
        return self.loop.at(self.loop.ns + max(0, ns), GIVE_UP, act, arguments)

    def later(self, ns: int, act: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """To the very ns, however late it is."""
        return self.loop.at(self.loop.ns + max(0, ns), REQUEST, act, arguments)

    async def until(self, at: int) -> None:
        """Wait for an instant, for a change that comes before all else that happens then."""
        come = self.loop.create_future()
        self.loop.at(at, CHANGE, come.set_result, (None,))
        await come


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run to the end in a loop of its own."""
    loop = VirtualLoop()
    return loop.play(main(loop))
