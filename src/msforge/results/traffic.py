"""Tables of requests: per entry, source, endpoint, consumer and service."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, System
from msforge.recording import buckets
from msforge.records import ANSWERED as ANSWERED_OUTCOMES
from msforge.records import OUTCOMES, Outcome
from msforge.results.figures import Above, Counts, Latency, Measured, Part, Traffic
from msforge.results.result import Figure
from msforge.results.sample import Rows, Sample
from msforge.results.slices import ALL, ANSWERED, FAILED, Slices
from msforge.results.statistics import PERCENTILES, rank

Floats = NDArray[np.float64]
OK = [int(outcome) for outcome in ANSWERED_OUTCOMES]
BANDS = (("<=p50", 0, 5000), ("p50-p90", 5000, 9000), ("p90-p99", 9000, 9900), (">p99", 9900, 10_000))


@dataclass
class Book:
    """Collects the figures that `compare` pairs: each with one value per slice."""

    slices: Slices
    figures: list[Figure] = field(default_factory=list)
    made: dict[Hashable, tuple[Latency, list[Figure]]] = field(default_factory=dict)

    def ratio(
        self, name: str, unit: str, better: str, numerators: Floats, denominators: Floats, *, share: bool = False
    ) -> Measured:
        """A ratio's estimate, kept under `name`."""
        tops, bottoms = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
        total = self.slices.share(tops, bottoms) if share else self.slices.ratio(tops, bottoms)
        values = [float(a / b) if b > 0 else None for a, b in zip(tops, bottoms, strict=True)]
        self.figures.append(Figure(name, unit, better, values, total))
        return total

    def rate(self, name: str, better: str, counts: Floats) -> Measured:
        """A count per second, kept under `name`."""
        return self.ratio(name, "per_second", better, counts, self.slices.seconds)

    def percentile(self, name: str, sample: Sample, ten_thousandths: int) -> Measured:
        """A percentile, kept under `name`."""
        total = sample.percentile(ten_thousandths, batches=self.slices.batches)
        values = [sample.slice_quantile(n, ten_thousandths) for n in range(len(sample.sizes))]
        self.figures.append(Figure(name, "ns", "less", values, total))
        return total


def latency(
    slices: Slices, groups: tuple[int, ...], classes: tuple[int, ...], limits: tuple[float, ...], book: Book, name: str
) -> Latency:
    """The latency table of some groups and classes. Only answered requests' figures are kept in the book.

    A service of one endpoint has that endpoint's table, and all requests are the answered ones where none failed:
    tables of equal content are made once.
    """
    cells = slices.moments[:, list(groups), :, 0].sum(axis=(0, 1))
    filled = tuple(class_ for class_ in classes if cells[class_] > 0) or classes[:1]
    key = (groups, filled, limits)
    if key not in book.made:
        apart = Book(slices)
        book.made[key] = _latency(slices, groups, filled, limits, apart, ""), apart.figures
    table, figures = book.made[key]
    if classes == ANSWERED:
        book.figures += [replace(figure, name=f"{name}{figure.name}") for figure in figures]
    return table


def _latency(
    slices: Slices, groups: tuple[int, ...], classes: tuple[int, ...], limits: tuple[float, ...], book: Book, name: str
) -> Latency:
    sample = slices.latencies(groups, classes)
    if isinstance(sample, Rows):
        n = sample.sizes.astype(float)
        sums = np.array([float(piece.sum()) for piece in sample.pieces])
        deviation = float(np.std(sample.pooled)) if sample.n else None
        least, most = (sample.kth(1), sample.kth(sample.n)) if sample.n else (None, None)
    else:
        cells = slices.moments[:, list(groups)][:, :, list(classes)]
        n, sums = cells[..., 0].sum(axis=(1, 2)), cells[..., 1].sum(axis=(1, 2))
        deviation = _deviation(n.sum(), sums.sum(), cells[..., 2].sum())
        least = float(cells[..., 3].min()) if n.sum() else None
        most = float(cells[..., 4].max()) if n.sum() else None
    return Latency(
        count=int(n.sum()),
        mean=book.ratio(f"{name}/mean", "ns", "less", sums, n),
        deviation=deviation,
        least=least,
        most=most,
        exact=sample.exact,
        above=[Above(limit, sample.above(limit, batches=slices.batches)) for limit in limits],
        **{word: book.percentile(f"{name}/{word}", sample, p) for word, p in PERCENTILES.items()},
    )


def _deviation(n: float, total: float, squares: float) -> float | None:
    return math.sqrt(max(0.0, squares / n - (total / n) ** 2)) if n else None


def counts(slices: Slices, groups: tuple[int, ...], in_flight: Floats, book: Book, name: str) -> Counts:
    """Counts and rates of some groups; `in_flight` per slice."""
    by_outcome = slices.outcomes[:, list(groups)].sum(axis=1)
    finished = by_outcome.sum(axis=1)
    arrivals = finished + in_flight
    totals = by_outcome.sum(axis=0)
    seconds = float(slices.seconds.sum())
    outcomes = {Outcome(o).word: int(totals[o]) for o in range(OUTCOMES) if totals[o]}
    return Counts(
        arrivals=int(arrivals.sum()),
        finished=int(finished.sum()),
        in_flight=int(in_flight.sum()),
        answered=int(totals[OK].sum()),
        outcomes=outcomes,
        rates={word: count / seconds for word, count in outcomes.items()} if seconds else {},
        rate=book.rate(f"{name}/rate", "", arrivals),
        throughput=book.rate(f"{name}/throughput", "more", slices.answers[:, list(groups)][:, :, OK].sum(axis=(1, 2))),
        success=book.ratio(f"{name}/success", "ratio", "more", by_outcome[:, OK].sum(axis=1), arrivals, share=True),
    )


def breakdown(slices: Slices, group: int) -> list[Part]:
    """Time breakdown of a group by latency band; in a window or without bands, one part a class."""
    if not slices.whole:
        return _window_breakdown(slices, group)
    tables = [run.records.bands[group] for run in slices.runs]
    table = np.sum(tables, axis=0) if tables else np.zeros((2, 0, 7))
    answered, failed = table[0], table[1]
    n = round(float(answered[:, 0].sum()))
    parts = []
    for word, low, high in BANDS:
        first = rank(n, low) if low else 0
        last = rank(n, high) if n else 0
        parts.append(_part(word, answered, first, last))
    parts.append(_part("failed", failed, 0, round(float(failed[:, 0].sum()))))
    return [part for part in parts if part.count > 0]


def _part(word: str, table: Floats, first: int, last: int) -> Part:
    """The requests of rank first+1 .. last; a cell that straddles a limit is split by count."""
    ends = np.cumsum(table[:, 0])
    inside = np.clip(np.minimum(ends, last) - np.maximum(ends - table[:, 0], first), 0, None)
    weight = np.divide(inside, table[:, 0], out=np.zeros(len(table)), where=table[:, 0] > 0)
    count = float(inside.sum())
    sums = (weight[:, None] * table[:, 1:]).sum(axis=0) / count if count else np.zeros(6)
    used = np.flatnonzero(inside)
    low, high = (_edge(int(used[0]) - 1), _edge(int(used[-1]))) if len(used) else (0.0, 0.0)
    total, queue, own, store, network, backoff = (float(value) for value in sums)
    other = max(0.0, total - queue - own - store - network - backoff)
    return Part(word, low, high, round(count), total, queue, own, store, network, backoff, other)


def _edge(band: int) -> float:
    """The upper edge (ns) of a latency band of `buckets.band_of`; 0 below the first."""
    return float(buckets.lower_bound(np.array(band * 32 + 1))) if band > 0 else float(band == 0)


def _window_breakdown(slices: Slices, group: int) -> list[Part]:
    parts = []
    for class_, word in ((0, "answered"), (1, "failed")):
        n, total = slices.moments[:, group, class_, 0].sum(), slices.moments[:, group, class_, 1].sum()
        if not n or not slices.parts.any():
            continue
        queue, own, store, network, backoff = (float(v) / n for v in slices.parts[:, group, class_].sum(axis=0))
        cells = slices.moments[:, group, class_]
        other = max(0.0, total / n - queue - own - store - network - backoff)
        low, high = float(cells[:, 3].min()), float(cells[:, 4].max())
        parts.append(Part(word, low, high, int(n), total / n, queue, own, store, network, backoff, other))
    return parts


def entry_name(system: System, entry: tuple[int, int]) -> str:
    """`source -> service.endpoint`."""
    return f"{system.sources[entry[0]].name} -> {system.body_name(entry[1])}"


def limits_of(system: System, bodies: set[int], sources: set[int]) -> tuple[float, ...]:
    """The latency limits that objectives set on these bodies or sources, ascending."""
    found = {
        objective.limit
        for objective in system.objectives
        if (objective.metric == "mean" or objective.metric == "max" or objective.metric.startswith("p"))
        and (objective.body in bodies or objective.source in sources)
    }
    return tuple(sorted(found))


def entries(slices: Slices, book: Book) -> list[Traffic]:
    """One table per (source, target)."""
    system = slices.system
    out = []
    for number, (source, target) in enumerate(slices.entries):
        name = entry_name(system, (source, target))
        table = _traffic(slices, book, name, "entry", (number,), (number,), limits_of(system, {target}, {source}))
        table.service = system.services[system.bodies[target].service].name
        table.source = system.sources[source].name
        table.parts = breakdown(slices, number)
        table.causes = first_causes(slices, number)
        out.append(table)
    return out


def sources(slices: Slices, book: Book) -> list[Traffic]:
    """One table per source: all its targets together."""
    out = []
    for source in slices.system.sources:
        groups = tuple(n for n, (s, _) in enumerate(slices.entries) if s == source.index)
        targets = {slices.entries[n][1] for n in groups}
        limits = limits_of(slices.system, targets, {source.index})
        table = _traffic(slices, book, source.name, "source", groups, groups, limits)
        table.source = source.name
        out.append(table)
    return out


def endpoints(slices: Slices, book: Book) -> list[Traffic]:
    """One table per endpoint and consumer, as its service saw it."""
    system, first = slices.system, len(slices.entries)
    out = []
    for body in system.bodies:
        kind = "endpoint" if body.consumer == NONE else "consumer"
        name, group = system.body_name(body.index), first + body.index
        table = _traffic(slices, book, name, kind, (group,), (), limits_of(system, {body.index}, set()))
        table.service = system.services[body.service].name
        table.gone = int(slices.gone[:, body.index].sum())
        table.parts = breakdown(slices, group)
        out.append(table)
    return out


def service(slices: Slices, book: Book, index: int) -> Traffic:
    """A service's requests: all its endpoints and consumers together."""
    plan = slices.system.services[index]
    groups = tuple(len(slices.entries) + body for body in plan.bodies)
    table = _traffic(slices, book, plan.name, "service", groups, (), ())
    table.service = plan.name
    table.gone = int(slices.gone[:, list(plan.bodies)].sum())
    return table


def _traffic(
    slices: Slices,
    book: Book,
    name: str,
    kind: str,
    groups: tuple[int, ...],
    entries_: tuple[int, ...],
    limits: tuple[float, ...],
) -> Traffic:
    key = f"{kind}/{name}"
    in_flight = slices.in_flight[:, list(entries_)].sum(axis=1)
    return Traffic(
        name=name,
        kind=kind,
        service="",
        source="",
        counts=counts(slices, groups, in_flight, book, key),
        answered=latency(slices, groups, ANSWERED, limits, book, key),
        failed=latency(slices, groups, FAILED, limits, book, key),
        all=latency(slices, groups, ALL, limits, book, key),
        attempts=_attempts(slices, entries_, book, key),
    )


def _attempts(slices: Slices, entries_: tuple[int, ...], book: Book, key: str) -> Measured:
    """Client tries per request, from the rows kept."""
    if not entries_ or not all("tries" in run.records.roots for run in slices.runs):
        return Measured(None)
    tries = slices.rows(entries_, ALL, "tries")
    total = np.array([float(piece.sum()) for piece in tries])
    return book.ratio(f"{key}/attempts", "count", "less", total, np.array([float(len(piece)) for piece in tries]))


def first_causes(slices: Slices, entry: int) -> dict[str, int]:
    """Failures of an entry by first cause, most first. Known for the whole span."""
    found: dict[str, int] = {}
    if not slices.whole:
        return found
    for run in slices.runs:
        for (group, cause), count in run.records.causes.items():
            if group == entry and cause >= 0:
                word = f"{slices.system.services[cause // 16].name}: {Outcome(cause % 16).word}"
                found[word] = found.get(word, 0) + count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
