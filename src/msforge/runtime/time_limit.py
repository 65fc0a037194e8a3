"""A time limit on a block of code, by the service's own clock."""

from __future__ import annotations

import asyncio
from typing import Any


class TimeLimit:
    """`async with TimeLimit(clock, ns):` raises TimeoutError when the block takes longer; -1 is no limit.

    What is done by the very instant is in time.
    """

    __slots__ = ("_alarm", "_clock", "_ns", "_passed", "_task")

    def __init__(self, clock: Any, ns: int) -> None:
        self._clock = clock
        self._ns = ns
        self._alarm: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._passed = False

    async def __aenter__(self) -> None:
        if self._ns >= 0:
            self._task = asyncio.current_task()
            self._alarm = self._clock.give_up(self._ns, self._expire)

    def _expire(self) -> None:
        if self._task is not None:
            self._passed = True
            self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._passed and self._task is not None:
            cancelled_by_others = self._task.uncancel() > 0
            if kind is asyncio.CancelledError and not cancelled_by_others:
                raise TimeoutError from problem
