"""An event loop whose time passes only when nothing else is to do, and a clock that keeps the same time."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from msforge.runtime.clock import Clock

T = TypeVar("T")
MS = 1_000_000


class Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits: it moves its loop's time on instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        """What is ready now."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen")
        if not ready and timeout:
            self.loop.passed += timeout
        return ready


class InTurn(asyncio.TimerHandle):
    """Timers of one instant go off in the order in which they were set."""

    turn = 0

    def __lt__(self, other: Any) -> bool:
        return (self._when, self.turn) < (other._when, other.turn)  # type: ignore[attr-defined, no-any-return]


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, from 0."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.turns = 0
        selector = Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the start."""
        return self.passed

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """As the loop's own, to whole ns and in turn."""
        timer = InTurn(round(when * 1e9) / 1e9, callback, args, self, context)
        self.turns += 1
        timer.turn = self.turns
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def clock(self) -> Clock:
        """A clock that keeps this loop's time."""
        return Clock(source=lambda: round(self.passed * 1e9))


def run(main: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run to the end, and close the loop."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
