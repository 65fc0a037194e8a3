"""The series of a Result as a page draws them: rates per second, shares, at most so many points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msforge.report.page.sheets import short
from msforge.report.text import clean
from msforge.results.result import EdgeSeries, Result, TrafficSeries

POINTS: Final = 360
"""The most points of a curve; longer series have neighbours joined."""
Values = Sequence[float | None]


class Clock:
    """The buckets of a page: each is `step` of the Result's."""

    def __init__(self, result: Result) -> None:
        series = result.series
        self.step = max(1, -(-series.buckets // POINTS))
        self.begin = series.begin
        self.width = series.width * self.step
        self.points = -(-series.buckets // self.step)
        self.end = series.begin + series.buckets * series.width

    def joined(self, values: Values, how: Callable[[list[float]], float]) -> list[float | int | None]:
        """One value per point; None where there is none."""
        if self.step == 1:
            return [short(value) for value in values]
        groups = (values[i : i + self.step] for i in range(0, len(values), self.step))
        kept = ([value for value in group if value is not None] for group in groups)
        return [short(how(group)) if group else None for group in kept]

    def mean(self, values: Values) -> list[float | int | None]:
        """Levels."""
        return self.joined(values, lambda group: sum(group) / len(group))

    def most(self, values: Values) -> list[float | int | None]:
        """Percentiles, which can't be averaged: the worst of the joined."""
        return self.joined(values, max)

    def rate(self, counts: Values) -> list[float | int | None]:
        """Counts per bucket as counts per second."""
        return self.mean([None if n is None else n * 1e9 * self.step / self.width for n in counts])

    def share(self, parts: Sequence[float], wholes: Sequence[float]) -> list[float | int | None]:
        """Parts of wholes, 0..1; None where there was nothing.

        Parts are counted when they end and wholes when they begin, so where more ended than began it is all.
        """
        tops, bottoms = (self._sums(values) for values in (parts, wholes))
        return [short(top / max(top, bottom)) if max(top, bottom) > 0 else None
                for top, bottom in zip(tops, bottoms, strict=True)]

    def _sums(self, values: Sequence[float]) -> list[float]:
        return [sum(values[i : i + self.step]) for i in range(0, len(values), self.step)]


def time_of(result: Result, clock: Clock) -> dict[str, Any]:
    """The axis: where it begins, how wide a point is, what happened when. Times in ns."""
    several = result.replications
    said = [f"Means of {several} replications; faults are marked as in the first."] if several > 1 else []
    if clock.step > 1:
        said.append(f"Each point stands for {clock.step} buckets; of percentiles it is the worst.")
    return {
        "begin": clock.begin,
        "width": clock.width,
        "points": clock.points,
        "measured": [result.span.begin, result.span.end],
        "note": " ".join(said),
        "start": _start(result, clock),
        "faults": [
            {"label": clean(f.label), "begin": f.begin, "end": clock.end if f.end is None else min(f.end, clock.end),
             "open": f.end is None}
            for f in result.faults
            if f.replication == 0 and f.begin < clock.end and (f.end is None or f.end > clock.begin)
        ],
    }


def _start(result: Result, clock: Clock) -> int:
    """The point that is shown first: where about as many requests failed as ever, else where the slowest were."""
    lost = [sum(c) for c in zip(*(v for e in result.series.entries for v in e.failed.values()), strict=True)]
    slowest = clock.most([max((v for v in at if v is not None), default=0.0)
                          for at in zip(*(e.p99 for e in result.series.entries), strict=True)])
    worst = clock.mean(lost) if any(lost) else slowest
    values = [value or 0.0 for value in worst]
    return next((i for i, value in enumerate(values) if value >= 0.9 * max(values)), 0)


def entry(series: TrafficSeries, clock: Clock) -> dict[str, Any]:
    """Latency and outcomes of one kind of request, as its senders saw it."""
    return {
        "name": clean(series.name),
        "rate": clock.rate(series.arrivals),
        "ok": clock.rate(series.ok),
        "failed": {clean(word).replace("_", " "): clock.rate(values) for word, values in series.failed.items()},
        "p50": clock.most(series.p50),
        "p95": clock.most(series.p95),
        "p99": clock.most(series.p99),
    }


def failing(edges: Sequence[EdgeSeries], clock: Clock) -> dict[str, Any]:
    """Several call edges together: tries per second and the share of them that failed."""
    def total(values: Sequence[list[float]]) -> list[float]:
        return [sum(column) for column in zip(*values, strict=True)]

    tries, failed = total([e.tries for e in edges]), total([e.failed_tries for e in edges])
    return {"rate": clock.rate(tries), "failed": clock.share(failed, tries)}
