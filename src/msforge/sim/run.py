"""Running a System: one replication, or many on all cores."""

from __future__ import annotations

from collections.abc import Callable

from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.records import SECOND
from msforge.sim.engine import Engine

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
SLICES = 200  # progress is told, and an interrupt seen, at least this often


def run(
    system: System, *, replication: int = 0, seed: int | None = None, progress: Progress | None = None,
    traces: frozenset[tuple[int, int]] = frozenset(), stop: Stop | None = None,
) -> Records:
    """Simulate one replication.

    Args:
        system: the plan.
        replication: its number, from 0; each has its own dice.
        seed: overrides the plan's.
        progress: told (simulated ns, finished requests) now and then.
        traces: (source, request number) to record spans of.
        stop: asked now and then; once true the run ends with what it has.

    Raises:
        ConservationError: a request was lost or invented (a bug in msforge).
    """
    engine = Engine(system, seed=seed, replication=replication, traces=traces)
    step = min(SECOND, max(1, system.run.duration // SLICES))
    time = 0
    while time < system.run.duration:
        time = min(time + step, system.run.duration)
        if stop is not None and stop():
            return engine.finish(interrupted=True)
        engine.run_to(time)
        if progress is not None:
            progress(time, engine.finished_roots)
    limit = system.run.duration + system.run.drain
    while time < limit and engine.open_work():
        time = min(time + step, limit)
        if stop is not None and stop():
            return engine.finish(interrupted=True)
        engine.run_to(time)
        if progress is not None:
            progress(time, engine.finished_roots)
    return engine.finish()
