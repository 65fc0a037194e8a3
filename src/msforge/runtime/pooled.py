"""Operations on a server through so many connections: others wait in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msforge.runtime.clock import Clock
from msforge.runtime.failures import TIMEOUT
from msforge.runtime.store_counts import StoreCounts

Serve = Callable[[str, int], Coroutine[Any, Any, int]]
"""One operation of so many ns at a store, on a connection of its own: its outcome. It raises nothing."""


class Pooled:
    """The connections of one store, and what was counted there. `connections` -1: as many as it takes."""

    def __init__(self, store: str, connections: int, serve: Serve, clock: Clock) -> None:
        self.store = store
        self.serve = serve
        self.clock = clock
        self.counts = StoreCounts()
        self._free = asyncio.Semaphore(connections) if connections >= 0 else None
        self._tasks: set[asyncio.Task[int]] = set()

    async def operate(self, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation; what has begun runs to its end though nobody waits, as at any server."""
        if hang:
            return await self._hang(timeout)
        self.counts.arrived += 1
        begun = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._run(duration, begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        seconds = self.clock.seconds(timeout) if timeout >= 0 else None
        try:
            await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            self._abandon(task, begun)
            raise
        if task.done():
            return task.result()
        self.counts.timeouts += 1
        self._abandon(task, begun)
        return TIMEOUT

    def _abandon(self, task: asyncio.Task[int], begun: asyncio.Event) -> None:
        if not begun.is_set():
            task.cancel()

    async def _hang(self, timeout: int) -> int:
        if timeout < 0:
            await asyncio.get_running_loop().create_future()
        await self.clock.sleep(timeout)
        self.counts.timeouts += 1
        return TIMEOUT

    async def _run(self, duration: int, begun: asyncio.Event) -> int:
        counts, free = self.counts, self._free
        if free is not None:
            counts.waiting += 1
            try:
                await free.acquire()
            finally:
                counts.waiting -= 1
        begun.set()
        counts.busy += 1
        try:
            outcome = await self.serve(self.store, duration)
            counts.finished += 1
            return outcome
        finally:
            counts.busy -= 1
            if free is not None:
                free.release()

    def stop(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()


def share(connections: int, replicas: int) -> int:
    """The connections of one replica, of those that all replicas share; -1 stays unlimited."""
    return connections if connections < 0 else max(1, -(-connections // max(1, replicas)))
