"""Replications on all cores. The Records do not depend on how many processes made them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.sim.run import run

_told: Any = None   # in a worker: where it tells of its progress
_ended: Any = None  # in a worker: set when the run is to end


Job = tuple[System, int]
"""A plan and which of its replications."""


def run_many(
    system: System, *, replications: int | None = None, seed: int | None = None, processes: int | None = None,
    progress: Callable[[int, int], None] | None = None, stop: Callable[[], bool] | None = None,
) -> list[Records]:
    """Simulate replications 0, 1, ... and give their Records in that order.

    Args:
        system: the plan.
        replications: how many; the plan's own number when None.
        seed: overrides the plan's.
        processes: at most so many at once; all cores when None. 1 runs in this process.
        progress: told (simulated ns, finished requests), both summed over the replications.
        stop: asked now and then; once true every replication ends with what it has. Those that
            had not begun are left out (the first is always there).
    """
    count = system.run.replications if replications is None else replications
    jobs = [(system, replication) for replication in range(count)]
    return run_jobs(jobs, seed=seed, processes=processes, progress=progress, stop=stop)


def run_jobs(
    jobs: list[Job], *, seed: int | None = None, processes: int | None = None,
    progress: Callable[[int, int], None] | None = None, stop: Callable[[], bool] | None = None,
) -> list[Records]:
    """Simulate replications of several plans on the same processes; their Records in the order of `jobs`.

    Everything else as in `run_many`, over all jobs together.
    """
    workers = min(len(jobs), processes or os.cpu_count() or 1)
    if workers <= 1:
        return _in_turn(jobs, seed, progress, stop)
    return _at_once(jobs, seed, workers, progress, stop)


def _in_turn(
    jobs: list[Job], seed: int | None, progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> list[Records]:
    done: list[Records] = []
    base = [0, 0]

    def tell(time: int, requests: int) -> None:
        if progress is not None:
            progress(base[0] + time, base[1] + requests)

    for system, replication in jobs:
        if done and stop is not None and stop():
            break
        done.append(run(system, replication=replication, seed=seed, progress=tell, stop=stop))
        base[0] += done[-1].end
        base[1] += int(done[-1].sources[:, 0].sum())
    return done


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started inside do not hear Ctrl-C from their first moment: until `_begin_worker` they would die of it.

    This process hears a press of that time afterwards. It is blocked, which a child inherits, and not ignored, which
    would lose it. Windows hands nothing of the kind on.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(told: Any, ended: Any) -> None:
    global _told, _ended
    _told, _ended = told, ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end


def _one(number: int, system: System, replication: int, seed: int | None) -> Records | None:
    if number and _ended.is_set():
        return None

    def tell(time: int, requests: int) -> None:
        _told.put((number, time, requests))

    return run(system, replication=replication, seed=seed, progress=tell, stop=_ended.is_set)


def _at_once(
    jobs: list[Job], seed: int | None, workers: int, progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> list[Records]:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()  # starts the tracker of multiprocessing, whose start would end the blocking below
    ended = context.Event()
    with ProcessPoolExecutor(workers, context, _begin_worker, (told, ended)) as pool:
        with deaf_children():
            futures: list[Future[Records | None]] = [
                pool.submit(_one, number, system, replication, seed)
                for number, (system, replication) in enumerate(jobs)
            ]
        watcher = _Watcher(told, progress)
        watcher.start()
        try:
            while any(not f.done() for f in futures):
                if stop is not None and stop():
                    ended.set()
                _wait(futures)
        except BaseException:
            ended.set()
            raise
        finally:
            watcher.end()
        results = [f.result() for f in futures]
    return [r for r in results if r is not None]


def _wait(futures: list[Future[Records | None]]) -> None:
    for future in futures:
        if not future.done():
            with suppress(TimeoutError):
                future.exception(timeout=0.1)
            return


class _Watcher(threading.Thread):
    """Adds up what the workers tell of their progress."""

    def __init__(self, told: Any, progress: Callable[[int, int], None] | None) -> None:
        super().__init__(daemon=True)
        self.told = told
        self.progress = progress
        self.latest: dict[int, tuple[int, int]] = {}

    def run(self) -> None:
        while True:
            item = self.told.get()
            if item is None:
                return
            number, time, requests = item
            self.latest[number] = (time, requests)
            if self.progress is not None:
                self.progress(sum(t for t, _ in self.latest.values()), sum(n for _, n in self.latest.values()))

    def end(self) -> None:
        """No more is told."""
        self.told.put(None)
        self.join(timeout=5)
