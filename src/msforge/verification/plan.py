"""What is to be verified, and whether this machine can carry it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from msforge.errors import UsageError
from msforge.live import api
from msforge.model import compile_system
from msforge.model.estimate import estimate
from msforge.model.plan import NEVER, Source, System
from msforge.records import ROOT_COLUMNS, SECOND
from msforge.scaffold.plans import started
from msforge.spec import Spec, load
from msforge.verification.machine import memory_left

RATE: Final = 200.0
"""Requests to services per second, on the clock, that a small machine carries without telling another story."""
BESIDE: Final = 7
"""Processes beside the replicas: what holds them, channels and stores, the clients; and of the control another four."""
PROCESS_BYTES: Final = (45 if sys.platform == "linux" else 90) * 2**20
"""What a replica's process takes; where processes can be forked they share most of it."""
MOST_PROCESSES: Final = 200
CLIENT_SIDE: Final = "defaults.services.balancer=client"


@dataclass(frozen=True)
class Subject:
    """What is verified. `folder` is a generated system whose code may be the user's; None: one is generated."""

    spec: Spec
    system: System
    scenario: str | None
    folder: Path | None
    service_sets: tuple[str, ...] = ()
    """With `folder`: what is set otherwise for its services than its file says."""
    traffic_sets: tuple[str, ...] = ()
    """With `folder`: what is set otherwise for its traffic and faults."""

    @property
    def may_crash(self) -> frozenset[str]:
        """Services that the description itself kills, or takes away."""
        system = self.system
        found = {system.services[f.service].name for f in system.faults if f.kind == "crash" and f.service >= 0}
        found |= {system.services[step.service].name for step in system.steps if step.crash and step.service >= 0}
        found |= {system.services[system.bodies[f.body].service].name for f in system.faults if f.crash and f.body >= 0}
        found |= {system.services[f.service].name for f in system.faults if f.crash and f.service >= 0}
        if any(f.kind == "zone" for f in system.faults):
            found |= {service.name for service in system.services}
        return frozenset(found)


def of_file(file: str | Path, scenario: str | None, sets: Sequence[str]) -> Subject:
    """A description, with its callers balancing by themselves where it leaves that open. Raises as `load` does."""
    spec = load(file, scenario=scenario, sets=tuple(sets))
    if _open(spec.document):
        spec = load(file, scenario=scenario, sets=(CLIENT_SIDE, *sets))
    return Subject(spec, compile_system(spec), scenario, None)


def of_folder(folder: str | Path, scenario: str | None, sets: Sequence[str], seed: int | None) -> Subject:
    """A generated system with the code as it is now. Raises UsageError when a scenario or a set changes services."""
    found = api.find_generated(folder)
    mine = (CLIENT_SIDE,) if _open(found.spec.document) else ()
    base = load(found.file, sets=mine)
    spec = load(found.file, scenario=scenario, sets=(*mine, *sets))
    changed = api.unlike(base, spec)
    if changed:
        raise UsageError(
            f"{', '.join(changed[:3])} would differ from what the code in {found.folder} was generated from",
            hint=f"verify the description instead (msforge verify {found.file.name} ...), or put the change into it "
            "and bring the code up to it with `msforge sync`",
        )
    seeds = () if seed is None else (f"simulation.seed={seed}",)
    return Subject(spec, compile_system(spec), scenario, found.folder, (*mine, *seeds), tuple(sets))


def _open(document: dict[str, Any]) -> bool:
    """Whether a description says nothing for all services about where the balancer is."""
    services = (document.get("defaults") or {}).get("services") or {}
    return "balancer" not in services


@dataclass(frozen=True, slots=True)
class Size:
    """What running a system takes. `rate` is the highest number of requests to services per second."""

    processes: int
    memory: int
    rate: float

    @property
    def scale(self) -> float:
        """The slow motion with which RATE is not exceeded."""
        return float(max(1, math.ceil(self.rate / RATE)))

    @property
    def rate_of_one(self) -> float:
        """How often per second a process of a service is asked, on average."""
        return self.rate / max(1, self.processes - BESIDE)


def repeated(system: System, rows: Sequence[Sequence[int]]) -> System:
    """The system with closed loops whose turns begin when they began in a run; `rows` are its roots' ROOT_COLUMNS.

    A user who is answered early sends early. Without this, whatever the model is off by moves all that comes after.
    """
    table = np.array(rows, dtype=np.int64).reshape(-1, len(ROOT_COLUMNS))
    source_of, number, arrival = (table[:, ROOT_COLUMNS.index(name)] for name in ("source", "number", "arrival"))
    order = np.argsort(arrival, kind="stable")

    def turns(source: Source) -> tuple[tuple[int, int], ...]:
        mine = order[source_of[order] == source.index]
        first: dict[int, int] = {}
        for turn, at in zip(number[mine].tolist(), arrival[mine].tolist(), strict=True):
            first.setdefault(turn, at)
        return tuple(first.items())

    return replace(system, sources=tuple(
        replace(source, turns=turns(source)) if source.arrivals == "closed" else source for source in system.sources
    ))


def size_of(system: System) -> Size:
    """The size of a system, before it is started."""
    processes = sum(started(service) for service in system.services) + BESIDE
    return Size(processes, processes * PROCESS_BYTES, peak_rate(system))


def peak_rate(system: System) -> float:
    """Requests to services per second of the description, when its traffic is at its highest."""
    expected = estimate(system)
    total = 0.0
    for source, requests in zip(system.sources, expected.by_source, strict=True):
        end = system.run.duration if source.end == NEVER else min(source.end, system.run.duration)
        total += requests / max(1e-9, (end - source.start) / SECOND) * _swing(source)
    return total


def _swing(source: Source) -> float:
    """The highest rate of a source over its mean."""
    stages = [s for s in source.stages if s.duration > 0]
    length = sum(s.duration for s in stages)
    mean = sum((s.begin + s.end) / 2 * s.duration for s in stages) / length if length else 0.0
    return max(max(s.begin, s.end) for s in stages) / mean if mean > 0 else 1.0


def refuse_too_large(system: System, size: Size) -> None:
    """Raises UsageError when this machine cannot carry the processes, before any of them is started."""
    left = memory_left()
    takes = f"{system.name} takes {size.processes} processes and about {size.memory / 2**30:.1f} GB of memory"
    if left is not None and size.memory > left * 0.9:
        raise UsageError(
            f"{takes}; {left / 2**30:.1f} GB are free here",
            hint="fewer replicas will do: --set services.NAME.replicas=1",
        )
    if size.processes > MOST_PROCESSES:
        raise UsageError(
            f"{takes}; more than {MOST_PROCESSES} processes are too many for one machine",
            hint="verify a part of it, in a file of its own",
        )
