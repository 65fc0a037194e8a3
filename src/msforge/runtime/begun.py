"""Tasks that begin at once: what a branch does before it first waits is done before the next one starts.

asyncio starts a task at the loop's next turn, so tasks inside tasks would begin breadth first, and in another order
than the steps are written in. (Python 3.12 has eager tasks; this is the same for 3.11, with what asyncio has for those
who write their own tasks.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any


class Begun(Coroutine[Any, Any, Any]):
    """A coroutine whose first stretch has run already; its task goes on from there."""

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner
        self._ahead = False  # the first stretch has run, and the task has not heard of it yet
        self._waits_for: Any = None
        self._end: BaseException | None = None

    def begin(self) -> None:
        """Run to where it first waits, or to its end."""
        self._ahead = True
        try:
            self._waits_for = self._inner.send(None)
        except BaseException as end:  # a StopIteration with its result, or what it failed with
            self._end = end

    def send(self, value: Any) -> Any:
        """The task's next stretch."""
        if not self._ahead:
            return self._inner.send(value)
        self._ahead = False
        if self._end is not None:
            raise self._end
        return self._waits_for

    def throw(self, *problem: Any) -> Any:
        """The task is cancelled; when that happens in its first turn, so is what it waits for."""
        if self._ahead:
            self._ahead = False
            if self._end is not None:
                raise self._end
            if self._waits_for is not None:
                self._waits_for.cancel()
        return self._inner.throw(*problem)

    def close(self) -> None:
        """It never goes on."""
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()


def begin(inner: Coroutine[Any, Any, Any], context: Context) -> asyncio.Task[Any]:
    """A task that has begun when this returns, in a context of its own."""
    loop = asyncio.get_running_loop()
    begun = Begun(inner)
    task: asyncio.Task[Any] = loop.create_task(begun, context=context)
    around = asyncio.current_task()
    if around is not None:
        asyncio._leave_task(loop, around)
    asyncio._enter_task(loop, task)
    try:
        context.run(begun.begin)
    finally:
        asyncio._leave_task(loop, task)
        if around is not None:
            asyncio._enter_task(loop, around)
    return task
