"""Laws that hold in every queueing system, checked with figures from independent sources.

Areas under the counts come from the replicas' own clocks; waits and latencies from the requests' rows. They can
agree only if no request, and no time, was lost or counted twice. What they may differ by is time on the wrong side
of the span's ends: a request belongs where its root arrived, an area where the time passed. That is at most
the area within one longest latency of an end.
"""

from __future__ import annotations

import numpy as np

from msforge.model.plan import NONE
from msforge.records import Outcome
from msforge.results import stations
from msforge.results.result import Check
from msforge.results.slices import ALL, Slices

MARGIN = 0.02
"""Residual allowed besides: buckets are 0.4 % wide, and rounding."""
_LEFT_QUEUE = (int(Outcome.CANCELLED), int(Outcome.RESET), int(Outcome.TIMEOUT))


def checks(slices: Slices) -> list[Check]:
    """Little's law for the queue and the whole of each service, the utilisation law, and the stores' areas."""
    out: list[Check] = []
    for service in slices.system.services:
        out += _service(slices, service.index, service.name)
    for store in slices.system.stores:
        out += _store(slices, store.index, store.name)
    return out


def _service(slices: Slices, service: int, name: str) -> list[Check]:
    sums = slices.services[:, service].sum(axis=0)
    found = _own_bodies(slices, service)
    groups = [len(slices.entries) + body for body in found]
    span = float(slices.seconds.sum()) * 1e9
    cells = slices.moments[:, groups][:, :, list(ALL)]
    n, total = float(cells[..., 0].sum()), float(cells[..., 1].sum())
    if not n or not span:
        return []
    consumers = [group for group, body in zip(groups, found, strict=True) if _consumes(slices, body)]
    queued = float(slices.parts[:, groups][:, :, list(ALL), 0].sum())
    in_channels = float(slices.parts[:, consumers][:, :, list(ALL), 0].sum())
    longest = float(slices.moments[:, list(range(len(slices.entries))) + groups, :, 4].max())
    edge = _edge(slices, service, longest) / span
    busy, waiting = float(sums[stations.BUSY]) / span, float(sums[stations.WAIT]) / span
    out = [_check("little", name, busy + waiting, (total - in_channels) / span, edge)]
    if not slices.outcomes[:, groups][:, :, list(_LEFT_QUEUE)].any():
        if not consumers:
            waits, _ = stations.mean_of(slices.waits(service))
            out.append(_check("little_queue", name, waiting, float(waits.sum()) / span, edge))
        if slices.parts.any():
            out.append(_check("utilisation", name, busy, (total - queued) / span, edge))
    return out


def _consumes(slices: Slices, body: int) -> bool:
    """True for a consumer's body: its messages wait in a channel, not at the service."""
    return slices.system.bodies[body].consumer != NONE


def _own_bodies(slices: Slices, service: int) -> list[int]:
    """Bodies whose requests take a thread of their own; a call in place runs on its caller's.

    None when a body is called both ways: its rows do not say which it was.
    """
    system = slices.system
    bodies = list(system.services[service].bodies)
    in_place = {edge.callee for edge in system.edges if edge.local}
    from_outside = {edge.callee for edge in system.edges if not edge.local} | {target for _, target in slices.entries}
    if in_place & from_outside & set(bodies):
        return []
    return [body for body in bodies if body not in in_place]


def _store(slices: Slices, store: int, name: str) -> list[Check]:
    if not slices.whole:
        return []
    level = stations.level([run.records.store_busy[store] for run in slices.runs], True)
    span = float(slices.seconds.sum()) * 1e9
    if level.mean is None or not span:
        return []
    return [_check("areas", name, float(slices.stores[:, store, stations.S_BUSY].sum()) / span, level.mean, 0.0)]


def _edge(slices: Slices, service: int, longest: float) -> float:
    """Request-time within one longest latency of the span's ends."""
    reach = int(np.ceil(longest / slices.width)) + 1
    held = 0.0
    for run in slices.runs:
        area = run.services[:, service, stations.BUSY] + run.services[:, service, stations.WAIT]
        held += float(area[slices.first : slices.first + reach].sum()) * (slices.first > 0)
        held += float(area[max(0, slices.last - reach) : slices.last].sum())
    return held


def _check(law: str, name: str, left: float, right: float, edge: float) -> Check:
    largest = max(left, right)
    residual = (left - right) / largest if largest > 0 else 0.0
    tolerance = MARGIN + (edge / largest if largest > 0 else 0.0)
    return Check(law, name, left, right, residual, tolerance, abs(residual) <= tolerance)
