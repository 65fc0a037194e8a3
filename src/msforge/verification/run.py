"""Predict, run, compare: the whole of `msforge verify`, and of `msforge calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from msforge import sim
from msforge.live.load.run import Progress
from msforge.model.overheads import Overheads
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.results import Result, summarise
from msforge.results.agreement import Agreement, Sides, compare
from msforge.verification import bench, calibration
from msforge.verification.calibration import Calibration, calibration_system
from msforge.verification.machine import Usage, Watch
from msforge.verification.measured import Measured, measured
from msforge.verification.plan import Subject, refuse_too_large, size_of
from msforge.verification.session import How, Noted, run_once
from msforge.verification.traces import traces_of

REPLICATIONS = 30
"""Further simulated runs, behind the intervals."""


@dataclass
class Wishes:
    """How a verification is to go, and who hears of it."""

    seed: int | None = None
    slow_motion: float | None = None
    """Real seconds for one of the description; None: as slow as this machine needs it."""
    calibrated: bool = True
    replications: int = REPLICATIONS
    tell: Callable[[str], None] = lambda line: None
    stop: Callable[[], bool] = lambda: False
    simulating: Callable[[int, int, int], None] | None = None
    loading: Progress | None = None
    watch: Callable[[], Watch] = Watch


@dataclass
class Verification:
    """What a verification found."""

    agreement: Agreement
    measured: Result
    simulated: Result
    calibration: Calibration | None = None
    notes: list[str] = field(default_factory=list)


def verify(subject: Subject, wishes: Wishes) -> Verification:
    """Simulates, runs and compares. Everything it starts is down again when it returns, or raises.

    Raises UsageError when this machine is too small, as `up` and `send_traffic` do, and KeyboardInterrupt when `stop`
    said so.
    """
    system = subject.system
    size = size_of(system)
    refuse_too_large(system, size)
    bench.clear_left_over(wishes.tell)
    scale = wishes.slow_motion or size.scale
    wishes.tell(
        f"{system.name}: {size.processes} processes, up to {size.rate:.0f} requests/s to services"
        + (f"; in slow motion, {scale:g} times slower" if scale != 1 else "")
    )
    seed = system.run.seed if wishes.seed is None else wishes.seed
    kept = _calibration(wishes) if wishes.calibrated else None
    overheads = kept.overheads.scaled(1.0 / scale) if kept is not None else Overheads({})
    here = overheads.on(system) if kept is not None else system
    twin, *further = _simulated(here, seed, wishes)
    plain = sim.run(system, seed=seed, stop=wishes.stop) if kept is not None else None
    _go_on(wishes)
    noted, found = _run(subject, seed, scale, wishes)
    if noted.load.interrupted and not noted.died:
        raise KeyboardInterrupt
    agreement = compare(
        Sides(system, found.records, twin, further, noted.calls, plain), scale=scale,
        reasons=_reasons(noted, found, kept), notes=_notes(noted, found, scale),
    )
    agreement.usage = asdict(noted.usage)
    if agreement.findings:
        agreement.traces = traces_of(here, found, twin, agreement.findings[0])
    return Verification(
        agreement, _measured_result(system, found.records), summarise(system, [twin]), kept, agreement.notes
    )


def _go_on(wishes: Wishes) -> None:
    if wishes.stop():
        raise KeyboardInterrupt


def _simulated(system: System, seed: int, wishes: Wishes) -> list[Records]:
    """The twin and the further runs."""
    count = wishes.replications + 1
    wishes.tell(f"simulating it {count} times")
    total = system.run.duration * count

    def tell(done: int, requests: int) -> None:
        if wishes.simulating is not None:
            wishes.simulating(min(done, total), total, requests)

    records = sim.run_many(system, replications=count, seed=seed, progress=tell, stop=wishes.stop)
    _go_on(wishes)
    return records


def _run(subject: Subject, seed: int, scale: float, wishes: Wishes) -> tuple[Noted, Measured]:
    system = subject.system
    how = How(
        seed, scale, may_crash=subject.may_crash, progress=wishes.loading, stop=wishes.stop, tell=wishes.tell,
        watch=wishes.watch,
    )
    place: AbstractContextManager[Path]
    if subject.folder is None:
        how.sets = (f"simulation.seed={seed}",)
        place = bench.generated({**subject.spec.resolved(), "scenarios": {}}, system.name)
    else:
        how.sets, how.scenario, how.traffic_sets = subject.service_sets, subject.scenario, subject.traffic_sets
        place = nullcontext(subject.folder)
    with place as folder:
        noted = run_once(folder, how)
        return noted, measured(system, noted)


def _reasons(noted: Noted, found: Measured, kept: Calibration | None) -> list[str]:
    """Why this run can be no evidence."""
    rows = found.records.roots
    latency = float((rows["end"] - rows["arrival"]).mean()) / 1e9 * noted.scale if len(rows["end"]) else None
    reasons = noted.usage.problems(latency, len(rows["end"]))
    if noted.load.late:
        late = noted.load.lag_ms.get("p99") or 0.0
        reasons.append(f"the load generator was late: one request in a hundred by {late:.0f} ms or more")
    if noted.died:
        reasons.append(f"{', '.join(noted.died)} died on the way; what was measured until then, and beside it, is kept")
    if kept is not None and kept.problems:
        reasons.append(f"this machine's overheads were measured while it was busy ({kept.problems[0]})")
    return reasons


def _notes(noted: Noted, found: Measured, scale: float) -> list[str]:
    notes = []
    if scale != 1:
        notes.append(f"slow motion: each second of the description took {scale:g} s, undone in all figures")
    notes += [f"left out: {label} (a running system can't do that)" for label in noted.load.left_out]
    if found.strangers:
        notes.append(f"{found.strangers} requests came from somewhere else while it ran")
    return notes


def _measured_result(system: System, records: Records) -> Result:
    """The Result of the measured run, without the tables that nobody measures."""
    result = summarise(system, [records])
    result.edges, result.stores, result.cost.items = [], [], []
    result.figures = [f for f in result.figures if f.name.partition("/")[0] not in ("edge", "store", "cost", "storm")]
    result.notes.insert(0, "measured on running services: call edges, stores and costs are not in it")
    return result


# -- calibration ------------------------------------------------------------------------------------


def calibrate(wishes: Wishes) -> Calibration:
    """Measures this machine's overheads and keeps them. Raises MsforgeError when too little could be measured."""
    bench.clear_left_over(wishes.tell)

    def measure(text: str) -> tuple[Measured, Usage]:
        system = calibration_system()
        how = How(system.run.seed, progress=wishes.loading, stop=wishes.stop, tell=wishes.tell, watch=wishes.watch)
        with bench.generated(text, system.name) as folder:
            noted = run_once(folder, how)
            if noted.load.interrupted:
                raise KeyboardInterrupt
            return measured(system, noted), noted.usage

    found = calibration.calibrate(measure)
    calibration.write(found)
    return found


def _calibration(wishes: Wishes) -> Calibration:
    """The one that was kept; measured anew when there is none, or it is another machine's, or was disturbed."""
    kept = calibration.read()
    if kept is None:
        wishes.tell("measuring what this machine adds (once, about half a minute)")
    elif differs := kept.differs():
        wishes.tell(f"measuring anew what this machine adds, since {differs}")
    elif kept.problems:
        wishes.tell(f"measuring anew what this machine adds: the last time it was busy ({kept.problems[0]})")
    else:
        return kept
    found = calibrate(wishes)
    _go_on(wishes)
    return found
