"""Predict, run, compare: the whole of `msforge verify`, and of `msforge calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from msforge import sim
from msforge.live.load.run import Progress
from msforge.model.overheads import Overheads
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.results import Result, summarise
from msforge.results.agreement import Agreement, Sides, compare
from msforge.verification import bench, calibration
from msforge.verification.calibration import Calibration, calibration_system, varieties
from msforge.verification.control import PACE_LIMIT, Control, Pace, pace_of
from msforge.verification.machine import Usage, Watch
from msforge.verification.measured import Measured, measured
from msforge.verification.plan import Subject, refuse_too_large, repeated, size_of
from msforge.verification.session import How, Noted, run_once
from msforge.verification.traces import traces_of

NOTABLE = 0.05
"""How much slower or faster than at its calibration a machine is before it is said."""
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
    """Runs, simulates and compares. Everything it starts is down again when it returns, or raises.

    It runs first: how slow the machine was meanwhile, a control beside the services says, and the simulation is of that
    machine.

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
    control = Control(size.rate_of_one / scale) if kept is not None else None
    noted, found = _run(subject, seed, scale, wishes, control)
    if noted.load.interrupted and not noted.died:
        raise KeyboardInterrupt
    pace = pace_of(control.samples, kept.control) if control is not None and kept is not None else None
    here, *others = plans(system, _on_the_clock(kept, pace).slowed(scale), wishes.replications, seed)
    again = repeated(system, noted.load.rows)
    here = replace(here, sources=again.sources)
    twin, *further = _simulated([here, *others], seed, wishes)
    plain = sim.run(again, seed=seed, stop=wishes.stop) if kept is not None else None
    _go_on(wishes)
    agreement = compare(
        Sides(system, found.records, twin, further, noted.calls, plain), scale=scale,
        reasons=_reasons(noted, found, kept, pace), notes=[*_notes(noted, found, scale), *_told(kept, pace)],
    )
    agreement.usage = asdict(noted.usage)
    if pace is not None:
        agreement.usage |= {"level": pace.level, "spread": pace.spread}
    if agreement.findings:
        agreement.traces = traces_of(here, found, twin, agreement.findings[0])
    return Verification(
        agreement, _measured_result(system, found.records), summarise(system, [twin]), kept, agreement.notes
    )


def plans(system: System, overheads: Overheads, further: int, seed: int) -> list[System]:
    """The plan on a machine, for the twin; and as that machine may be at so many other times."""
    return [found.on(system) for found in (overheads, *varieties(overheads, further, seed))]


def _on_the_clock(kept: Calibration | None, pace: Pace | None) -> Overheads:
    """What the machine added in a run: its calibration, at the pace that the control had."""
    if kept is None:
        return Overheads({})
    return kept.overheads if pace is None else pace.of(kept.overheads)


def _told(kept: Calibration | None, pace: Pace | None) -> list[str]:
    if kept is None:
        return []
    if pace is None:
        return ["the control beside the services was seen too rarely: the calibration is taken as it is"]
    if abs(pace.level - 1.0) < NOTABLE or pace.level > PACE_LIMIT:  # then it is a reason
        return []
    return [f"what this machine adds took {pace.level:.2f} times as long as when it was calibrated"]


def _go_on(wishes: Wishes) -> None:
    if wishes.stop():
        raise KeyboardInterrupt


def _simulated(systems: list[System], seed: int, wishes: Wishes) -> list[Records]:
    """The twin, on the first of the plans, and the further runs, on one each."""
    wishes.tell(f"simulating it {len(systems)} times")
    total = systems[0].run.duration * len(systems)

    def tell(done: int, requests: int) -> None:
        if wishes.simulating is not None:
            wishes.simulating(min(done, total), total, requests)

    jobs = [(system, replication) for replication, system in enumerate(systems)]
    records = sim.run_jobs(jobs, seed=seed, progress=tell, stop=wishes.stop)
    _go_on(wishes)
    return records


def _run(
    subject: Subject, seed: int, scale: float, wishes: Wishes, control: Control | None
) -> tuple[Noted, Measured]:
    system = subject.system
    how = How(
        seed, scale, may_crash=subject.may_crash, progress=wishes.loading, stop=wishes.stop, tell=wishes.tell,
        watch=wishes.watch, beside=control or nullcontext(),
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


def _reasons(noted: Noted, found: Measured, kept: Calibration | None, pace: Pace | None) -> list[str]:
    """Why this run can be no evidence."""
    rows = found.records.roots
    latency = float((rows["end"] - rows["arrival"]).mean()) / 1e9 * noted.scale if len(rows["end"]) else None
    reasons = noted.usage.problems(latency, len(rows["end"])) + (pace.problems() if pace is not None else [])
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

    def measure(text: str) -> tuple[Measured, Usage, dict[str, tuple[float, ...]]]:
        system, control = calibration_system(), Control(calibration.RATE)
        how = How(
            system.run.seed, progress=wishes.loading, stop=wishes.stop, tell=wishes.tell, watch=wishes.watch,
            beside=control,
        )
        with bench.generated(text, system.name) as folder:
            noted = run_once(folder, how)
            if noted.load.interrupted:
                raise KeyboardInterrupt
            return measured(system, noted), noted.usage, control.samples

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
