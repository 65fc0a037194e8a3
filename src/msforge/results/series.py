"""Time series: one value per bucket of the run, mean of the replications."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE
from msforge.recording import buckets
from msforge.recording.records import ANSWERED_CLASS, SUM, N
from msforge.records import OUTCOMES, Outcome
from msforge.results import links, stations
from msforge.results.result import ChannelSeries, EdgeSeries, Series, ServiceSeries, StoreSeries, TrafficSeries
from msforge.results.slices import Slices
from msforge.results.traffic import OK, entry_name

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]



def series(slices: Slices) -> Series:
    """All series of the run (warm-up included), or of the window when one was asked for."""
    first = slices.first if not slices.whole else 0
    last = slices.last
    system = slices.system
    count = len(slices.entries)
    pairs = [(n, entry_name(system, entry), "entry") for n, entry in enumerate(slices.entries)]
    bodies = [
        (count + b.index, system.body_name(b.index), "endpoint" if b.consumer == NONE else "consumer")
        for b in system.bodies
    ]
    return Series(
        begin=first * slices.width,
        width=slices.width,
        buckets=last - first,
        entries=[_traffic(slices, first, last, *pair) for pair in pairs],
        endpoints=[_traffic(slices, first, last, *pair) for pair in bodies],
        services=_services(slices, first, last),
        stores=_stores(slices, first, last),
        edges=_edges(slices, first, last),
        channels=_channels(slices, first, last),
    )


def window_percentiles(slices: Slices, group: int, first: int, last: int, ranks: tuple[int, ...]) -> list[Floats]:
    """For each percentile (ten-thousandths) its value in every bucket, ns; nan in empty ones. Answered requests."""
    low = group << 40 | ANSWERED_CLASS << 38
    keys, counts = [], []
    for run in slices.runs:
        table = run.records.latency
        a, b = np.searchsorted(table.keys, [low | first << 16, low | last << 16])
        keys.append(table.keys[a:b] & 0x3FFFFFFFFF)
        counts.append(table.counts[a:b])
    cells, at = np.unique(np.concatenate(keys), return_inverse=True)
    weight = np.bincount(at, weights=np.concatenate(counts), minlength=len(cells)).astype(np.int64)
    window = (cells >> 16) - first
    total = np.bincount(window, weights=weight, minlength=last - first).astype(np.int64)
    running = np.cumsum(weight)
    before = np.concatenate([[0], np.cumsum(total)[:-1]])
    values = buckets.middle(cells & 0xFFFF)
    out = []
    for p in ranks:
        wanted = before + np.maximum(1, -(-total * p // 10_000))
        found = np.full(last - first, np.nan)
        seen = total > 0
        found[seen] = values[np.searchsorted(running, wanted[seen])]
        out.append(found)
    return out


def _mean(slices: Slices, arrays: list[NDArray[Any]]) -> Floats:
    total = np.zeros(arrays[0].shape)
    for array in arrays:
        total += array
    return total / len(slices.runs)


def _plain(values: Floats) -> list[float]:
    return [float(value) for value in values]


def _gaps(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _over(tops: Floats, bottoms: Floats) -> list[float | None]:
    return [float(a / b) if b > 0 else None for a, b in zip(tops, bottoms, strict=True)]


def _traffic(slices: Slices, first: int, last: int, group: int, name: str, kind: str) -> TrafficSeries:
    outcomes = _mean(slices, [run.records.outcomes[group, first:last] for run in slices.runs])
    answers = _mean(slices, [run.records.answers[group, first:last] for run in slices.runs])
    moments = _mean(slices, [run.records.moments[group, ANSWERED_CLASS, first:last] for run in slices.runs])
    p50, p95, p99 = window_percentiles(slices, group, first, last, (5000, 9500, 9900))
    failures = [o for o in range(OUTCOMES) if o not in OK and outcomes[:, o].any()]
    ok = answers[:, OK].sum(axis=1)
    return TrafficSeries(
        name=name,
        kind=kind,
        arrivals=_plain(outcomes.sum(axis=1)),
        ok=_plain(outcomes[:, OK].sum(axis=1)),
        failed={Outcome(o).word: _plain(outcomes[:, o]) for o in failures},
        p50=_gaps(p50),
        p95=_gaps(p95),
        p99=_gaps(p99),
        mean=_over(moments[:, SUM], moments[:, N]),
        answered_ok=_plain(ok),
        answered_failed=_plain(answers.sum(axis=1) - ok),
    )


def _services(slices: Slices, first: int, last: int) -> list[ServiceSeries]:
    out = []
    for plan in slices.system.services:
        table = _mean(slices, [run.services[first:last, plan.index] for run in slices.runs])
        out.append(
            ServiceSeries(
                name=plan.name,
                busy=_plain(table[:, stations.BUSY] / slices.width),
                waiting=_plain(table[:, stations.WAIT] / slices.width),
                replicas=_plain(table[:, stations.UP] / slices.width),
                utilisation=_over(table[:, stations.BUSY], table[:, stations.THREADS]),
                arrivals=_plain(table[:, stations.ARRIVED]),
                finished=_plain(table[:, stations.FINISHED]),
                failed=_plain(table[:, stations.FAILED]),
            )
        )
    return out


def _stores(slices: Slices, first: int, last: int) -> list[StoreSeries]:
    out = []
    for plan in slices.system.stores:
        table = _mean(slices, [run.stores[first:last, plan.index] for run in slices.runs])
        busy, waiting = table[:, stations.S_BUSY] / slices.width, table[:, stations.S_WAIT] / slices.width
        out.append(StoreSeries(plan.name, _plain(busy), _plain(waiting), _plain(table[:, stations.S_FINISHED])))
    return out


def _edges(slices: Slices, first: int, last: int) -> list[EdgeSeries]:
    out = []
    for index, name in enumerate(links.edge_names(slices)):
        table = _mean(slices, [run.edges[first:last, index] for run in slices.runs])
        calls, tries = table[:, links.CALLS], table[:, links.TRIES]
        failed_tries, failed_calls = _plain(table[:, links.FAILED_TRIES]), _plain(table[:, links.FAILED_CALLS])
        out.append(EdgeSeries(name, _plain(calls), _plain(tries), _over(tries, calls), failed_tries, failed_calls))
    return out


def _channels(slices: Slices, first: int, last: int) -> list[ChannelSeries]:
    out = []
    for plan in slices.system.channels:
        table = _mean(slices, [run.channels[first:last, plan.index] for run in slices.runs])
        columns = (links.PUBLISHED, links.DONE, links.BACKLOG, links.AGE)
        out.append(ChannelSeries(plan.name, *(_plain(table[:, column]) for column in columns)))
    return out
