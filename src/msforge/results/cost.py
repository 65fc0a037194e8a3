"""What a system costs, from prices in the description and what the run used."""

from __future__ import annotations

import numpy as np

from msforge.results.result import Cost, ServiceCost
from msforge.results.slices import Slices
from msforge.results.traffic import OK, Book

MONTH_HOURS = 730.0
"""Hours in a month, as cloud price lists count them (8,760 / 12)."""
MONTH_SECONDS = MONTH_HOURS * 3600.0
GIB = 1024.0**3


def cost(slices: Slices, book: Book) -> Cost:
    """Cost per month at the run's mean use, and per million answered requests. Means over replications."""
    items, per_run = [], np.zeros(len(slices.runs))
    for kind, name, months in _items(slices):
        if months.any():
            items.append(ServiceCost(name, kind, float(months.mean())))
            per_run += months
    total = float(per_run.mean())
    answered = slices.answers[:, : len(slices.entries)][:, :, OK].sum(axis=(1, 2))
    a_month = float(answered.sum() / slices.seconds.sum() * MONTH_SECONDS) if slices.seconds.sum() > 0 else 0.0
    if items:
        whole = per_run if len(per_run) == len(answered) else np.full(len(answered), total)
        book.ratio("cost/per_month", "cost", "less", whole, np.ones(len(answered)))
        book.ratio("cost/per_million", "cost", "less", whole * slices.seconds / MONTH_SECONDS * 1e6, answered)
    return Cost(total, total / a_month * 1e6 if a_month else None, items)


def _items(slices: Slices) -> list[tuple[str, str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]]:
    """(kind, name, cost per month in each run) of all that may cost something."""
    system = slices.system
    duration = max(1e-9, min(system.run.duration, max(run.records.end for run in slices.runs)) / 1e9)
    monthly = MONTH_SECONDS / duration
    out = []
    for service in system.services:
        n = service.index
        if service.function is not None:
            calls = np.array([float(run.records.invocations[n]) for run in slices.runs])
            billed = np.array([float(run.records.billed[n]) for run in slices.runs])
            price = service.function
            used = calls * price.cost_per_million / 1e6 + billed * price.cost_per_gib_second
            out.append(("function", service.name, used * monthly))
        else:
            seconds = np.array([float(run.records.replica_seconds[n]) for run in slices.runs])
            out.append(("service", service.name, seconds / duration * service.cost_per_hour * MONTH_HOURS))
    for store in system.stores:
        out.append(("store", store.name, np.full(len(slices.runs), store.cost_per_hour * MONTH_HOURS)))
    crossed = np.array([float(run.records.zone_bytes) for run in slices.runs])
    out.append(("network", "zone traffic", crossed / GIB * system.network.zone_cost_per_gib * monthly))
    return out
