"""The branches of one `parallel` under way, and when they are enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msforge.runtime.failures import ERROR, StepFailed, cause_of
from msforge.runtime.place import HERE, Place

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow


class Group:
    """Goes on at the `need`th success (0: all of `total`), fails once that can't be reached."""

    __slots__ = ("_branches", "_failed", "_flow", "_here", "_need", "_succeeded", "_total", "_waiter")

    def __init__(self, flow: Flow, here: Place, total: int, need: int) -> None:
        self._flow = flow
        self._here = here
        self._total = total
        self._need = need if need > 0 else total
        self._branches: dict[asyncio.Task[Any], Place] = {}
        self._failed = 0
        self._succeeded = 0
        self._waiter: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def start(self, branch: Callable[[], Awaitable[Any]], place: Place) -> None:
        """Start a branch."""
        task = asyncio.create_task(_run(branch, place))
        self._branches[task] = place
        task.add_done_callback(self._over)

    async def decided(self) -> list[Any]:
        """Wait until it is decided. Those that are left run on by themselves; a crash stops them."""
        if not self._total:
            return []
        try:
            problem = await self._waiter
        except asyncio.CancelledError:
            for task in self._branches:
                task.cancel()
            raise
        strays = self._flow.replica.strays
        for task in self._branches:
            if not task.done():
                strays.add(task)
                task.add_done_callback(strays.discard)
        if problem is not None:
            raise problem
        return [_result(task) for task in self._branches]

    def _over(self, task: asyncio.Task[Any]) -> None:
        problem = None if task.cancelled() else task.exception()
        if task.cancelled() or self._waiter.done():
            return
        if problem is None:
            self._succeeded += 1
        else:
            self._failed += 1
        if self._succeeded >= self._need:
            self._settle(task, None)
        elif self._total - self._failed < self._need:
            self._settle(task, problem)

    def _settle(self, task: asyncio.Task[Any], problem: BaseException | None) -> None:
        """This branch decides."""
        self._here.add(self._branches[task])
        if problem is None:
            self._waiter.set_result(None)
        elif not isinstance(problem, Exception):
            self._waiter.set_exception(problem)
        elif self._need == self._total:
            self._waiter.set_result(problem)
        elif isinstance(problem, StepFailed):
            self._waiter.set_result(StepFailed(ERROR, problem.cause, problem.status))
        else:
            self._waiter.set_result(StepFailed(ERROR, cause_of(self._flow.replica.name, ERROR)))


async def _run(branch: Callable[[], Awaitable[Any]], place: Place) -> Any:
    HERE.set(place)
    return await branch()


def _result(task: asyncio.Task[Any]) -> Any:
    return task.result() if task.done() and not task.cancelled() and task.exception() is None else None
