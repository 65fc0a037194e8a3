"""The time a service lives by: simulated ns, which slow motion stretches over more real ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

SECOND: Final = 1_000_000_000


class Clock:
    """Simulated time in ns since `start` (a `time.time_ns()`; None: now).

    `scale` is how many real seconds a simulated one takes: 4 is slow motion. `source` gives the real ns of a
    monotonic clock; a test hands in one of its own together with an event loop that keeps the same time.
    """

    __slots__ = ("_start", "_stretch", "scale", "source")

    def __init__(
        self, scale: float = 1.0, start: int | None = None, source: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        if not scale > 0:
            raise ValueError(f"a clock's scale must be above 0, not {scale}")
        self.scale = scale
        self.source = source
        self._stretch = scale / SECOND
        passed = 0 if start is None else time.time_ns() - start
        self._start = source() - passed

    def now(self) -> int:
        """Simulated ns since the start."""
        passed = self.source() - self._start
        return passed if self.scale == 1.0 else round(passed / self.scale)

    def seconds(self, ns: int) -> float:
        """The real seconds that `ns` simulated ones take."""
        return ns * self._stretch

    async def sleep(self, ns: int) -> None:
        """Let `ns` pass; no time is no wait."""
        if ns > 0:
            await asyncio.sleep(ns * self._stretch)

    def later(self, ns: int, act: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """Call `act` after `ns`."""
        return asyncio.get_running_loop().call_later(ns * self._stretch, act, *arguments)

    def give_up(self, ns: int, act: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """As `later`, for timeouts and deadlines: of all that happens at one instant they come last."""
        return self.later(ns, act, *arguments)

    def call_at(self, due: int, act: Callable[[], Any]) -> asyncio.TimerHandle:
        """Call `act` once it is `due` (ns since the start); at the loop's next turn when that has passed."""
        return self.later(max(0, due - self.now()), act)
