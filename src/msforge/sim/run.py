"""Running a System once: one replication, in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.records import SECOND
from msforge.sim.engine import Engine

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
SLICES = 200  # progress is told, and an interrupt seen, at least this often
SWEEPS = 10   # after so many slices, what outlived one of them is looked at again


def run(
    system: System, *, replication: int = 0, seed: int | None = None, progress: Progress | None = None,
    traces: frozenset[tuple[int, int]] = frozenset(), stop: Stop | None = None,
    shortcuts: bool = True,
) -> Records:
    """Simulate one replication.

    Args:
        system: the plan.
        replication: its number, from 0; each has its own dice.
        seed: overrides the plan's.
        progress: told (simulated ns, finished requests) now and then.
        traces: (source, request number) to record spans of.
        stop: asked now and then; once true the run ends with what it has.
        shortcuts: leave out events whose outcome is known. The records are the same.

    Raises:
        ConservationError: a request was lost or invented (a bug in msforge).
    """
    with without_collector():
        return _run(Engine(system, seed=seed, replication=replication, traces=traces, shortcuts=shortcuts),
                    progress, stop)


def _run(engine: Engine, progress: Progress | None, stop: Stop | None) -> Records:
    run = engine.system.run
    step = min(SECOND, max(1, run.duration // SLICES))
    time = turn = 0
    limit = run.duration + run.drain
    while time < run.duration or (time < limit and engine.open_work()):
        time = min(time + step, run.duration if time < run.duration else limit)
        if stop is not None and stop():
            return engine.finish(interrupted=True)
        engine.run_to(time)
        turn += 1
        gc.collect(turn % SWEEPS == 0)
        if progress is not None:
            progress(time, engine.finished_roots)
    return engine.finish()


@contextmanager
def without_collector() -> Iterator[None]:
    """Switch off Python's cycle collector, which would look at everything again and again.

    A request that went by events leaves a cycle behind (it is its own host): `_run` sweeps up what is young after
    each slice of the run.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
