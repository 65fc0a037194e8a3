"""The branches of one `parallel` under way, and when they are enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from msforge.runtime.begun import begin
from msforge.runtime.failures import ERROR, StepFailed, cause_of
from msforge.runtime.place import HERE, Place

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow


class Branch:
    """One branch: `over` once it has ended, with a `result` when that was well."""

    __slots__ = ("over", "place", "result", "task")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.over = False
        self.result: Any = None
        self.task: asyncio.Task[Any] | None = None


class Group:
    """Goes on at the `need`th success (0: all of `total`), fails once that can't be reached."""

    __slots__ = ("_branches", "_failed", "_flow", "_here", "_need", "_succeeded", "_total", "_waiter")

    def __init__(self, flow: Flow, here: Place, total: int, need: int) -> None:
        self._flow = flow
        self._here = here
        self._total = total
        self._need = need if need > 0 else total
        self._branches: list[Branch] = []
        self._failed = 0
        self._succeeded = 0
        self._waiter: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def start(self, steps: Callable[[], Awaitable[Any]], place: Place) -> None:
        """Start a branch: what it does before it first waits is done when this returns."""
        branch = Branch(place)
        self._branches.append(branch)
        context = copy_context()
        context.run(HERE.set, place)
        branch.task = begin(self._run(branch, steps), context)

    async def decided(self) -> list[Any]:
        """Wait until it is decided. Those that are left run on by themselves; a crash stops them."""
        if not self._total:
            return []
        try:
            problem = await self._waiter
        except asyncio.CancelledError:
            for branch in self._branches:
                if branch.task is not None:
                    branch.task.cancel()
            raise
        strays = self._flow.replica.strays
        for branch in self._branches:
            if not branch.over and branch.task is not None:
                strays.add(branch.task)
                branch.task.add_done_callback(strays.discard)
        if problem is not None:
            raise problem
        return [branch.result for branch in self._branches]

    async def _run(self, branch: Branch, steps: Callable[[], Awaitable[Any]]) -> None:
        try:
            branch.result = await steps()
        except asyncio.CancelledError:
            branch.over = True
            raise
        except BaseException as problem:
            self._over(branch, problem)
            if not isinstance(problem, Exception):
                raise
        else:
            self._over(branch, None)

    def _over(self, branch: Branch, problem: BaseException | None) -> None:
        branch.over = True
        if self._waiter.done():
            return
        if problem is None:
            self._succeeded += 1
        else:
            self._failed += 1
        if self._succeeded >= self._need:
            self._settle(branch, None)
        elif self._total - self._failed < self._need:
            self._settle(branch, problem)

    def _settle(self, branch: Branch, problem: BaseException | None) -> None:
        """This branch decides."""
        self._here.add(branch.place)
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
