"""An event loop whose time passes only when nothing else is to do, and a clock that keeps the same time."""

from __future__ import annotations

import asyncio
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


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, from 0."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the start."""
        return self.passed

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
