"""Is a backlog still growing at the end? A run whose load exceeds capacity must say so.

A backlog counts as growing when, since it last stood at a tenth of its final height (at the earliest in the
second half of the span), all of this holds:

* it rose by more than four times what chance moves a critically loaded queue: 4 sqrt(2 A), A the arrivals
  meanwhile (a random walk of Poisson arrivals against exponential service has variance 2 A);
* the slope of the mean over equal blocks has a 95 % interval above 0;
* its last third still rose at half that slope or more, so an overload that has been worked off, or
  a queue that has found its level, is not called unstable.

A stable queue at 80 % load stays two orders of magnitude below the first bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, UNLIMITED, System, Verb
from msforge.results import links, stations
from msforge.results.result import Unstable
from msforge.results.slices import Slices
from msforge.results.statistics import critical, dot

Floats = NDArray[np.float64]

FEWEST = 6
BLOCKS = 10


@dataclass(frozen=True)
class Growth:
    """A backlog's growth: slope per bucket with its interval, and the bucket it is measured from."""

    slope: float
    low: float
    high: float
    first: int


def growth(level: Floats, arrivals: Floats) -> Growth | None:
    """The growth of `level` (per bucket) at its end, or None when it does not grow by the rule above."""
    n = len(level)
    if n < 2 * FEWEST:
        return None
    end = float(level[-3:].mean())
    low = np.flatnonzero(level <= 0.1 * end)
    first = max(n // 2, int(low[-1]) if len(low) else 0)
    if n - first < FEWEST:
        return None
    part = level[first:]
    rise = end - float(part[:3].mean())
    if rise <= 4.0 * math.sqrt(2.0 * float(arrivals[first:].sum())) or rise <= 0.0:
        return None
    slope, half = _slope(part)
    third = part[-(len(part) // 3):]
    late = float(np.polyfit(np.arange(len(third)), third, 1)[0]) if len(third) > 1 else slope
    if slope - half <= 0.0 or late < 0.5 * slope:
        return None
    return Growth(slope, slope - half, slope + half, first)


def _slope(level: Floats) -> tuple[float, float]:
    """Least squares over block means, with the half-width of its 95 % interval; per bucket."""
    blocks = np.array_split(np.arange(len(level)), min(BLOCKS, len(level)))
    x = np.array([block.mean() for block in blocks])
    y = np.array([level[block].mean() for block in blocks])
    centred = x - x.mean()
    slope = dot(centred, y) / dot(centred, centred)
    residuals = y - y.mean() - slope * centred
    error = math.sqrt(dot(residuals, residuals) / max(1, len(x) - 2) / dot(centred, centred))
    return slope, critical(len(x) - 1) * error


def unstable(slices: Slices) -> list[Unstable]:
    """Every service, store and channel whose backlog still grows, steepest first.

    A caller without a limit on its threads only holds what piles up behind it: when something it uses grows,
    it is left out.
    """
    system = slices.system
    found: dict[tuple[str, int], Unstable] = {}
    for service in system.services:
        table = _mean(slices, [run.services[:, service.index] for run in slices.runs])
        level = (table[:, stations.BUSY] + table[:, stations.WAIT]) / slices.width
        _note(slices, found, "service", service.index, service.name, level, table[:, stations.ARRIVED])
    for store in system.stores:
        table = _mean(slices, [run.stores[:, store.index] for run in slices.runs])
        level = table[:, stations.S_WAIT] / slices.width
        _note(slices, found, "store", store.index, store.name, level, table[:, stations.S_FINISHED])
    for channel in system.channels:
        table = _mean(slices, [run.channels[:, channel.index] for run in slices.runs])
        level, arrived = table[:, links.BACKLOG], table[:, links.PUBLISHED]
        _note(slices, found, "channel", channel.index, channel.name, level, arrived)
    blamed = {key: item for key, item in found.items() if not _explained(system, key, found)}
    return sorted(blamed.values(), key=lambda item: (-item.slope, item.kind, item.name))


def _mean(slices: Slices, arrays: list[NDArray[np.int64]]) -> Floats:
    total = np.zeros(arrays[0][slices.first : slices.last].shape)
    for array in arrays:
        total += array[slices.first : slices.last]
    return total / len(arrays)


def _note(
    slices: Slices,
    found: dict[tuple[str, int], Unstable],
    kind: str,
    index: int,
    name: str,
    level: Floats,
    came: Floats,
) -> None:
    grown = growth(level, came)
    if grown is None:
        return
    per_second = 1e9 / slices.width
    slope = grown.slope * per_second
    found[kind, index] = Unstable(
        kind=kind,
        name=name,
        slope=slope,
        low=grown.low * per_second,
        high=grown.high * per_second,
        backlog=float(level[-1]),
        begin=(slices.first + grown.first) * slices.width,
        text=f"unstable: backlog at {name} still growing at {slope:.3g}/s",
    )


def used_by(system: System, service: int) -> tuple[set[int], set[int]]:
    """Services and stores that a service uses, directly or through others."""
    services, stores, todo = set[int](), set[int](), [service]
    while todo:
        for step in system.steps:
            if step.service != todo[-1]:
                continue
            if step.verb in (Verb.READ, Verb.WRITE) and step.target != NONE:
                stores.add(step.target)
            if step.verb is Verb.CALL and (callee := system.bodies[step.target].service) not in services:
                services.add(callee)
                todo.insert(0, callee)
        todo.pop()
    return services - {service}, stores


def _explained(system: System, key: tuple[str, int], found: dict[tuple[str, int], Unstable]) -> bool:
    kind, index = key
    if kind != "service" or system.services[index].threads != UNLIMITED:
        return False
    services, stores = used_by(system, index)
    return any(("service", s) in found for s in services) or any(("store", s) in found for s in stores)
