"""Records to Result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from msforge.errors import ResultFormatError, UsageError
from msforge.model.plan import System
from msforge.recording.buckets import RELATIVE_ERROR
from msforge.recording.records import Records
from msforge.results import cost, laws, links, objectives, series, stability, stations, storm, traffic, why
from msforge.results.pack import pack, pack_plan, unpack, unpack_plan
from msforge.results.result import FORMAT, Intervals, Result, Span
from msforge.results.slices import Run, Slices
from msforge.results.statistics import CONFIDENCE, FEWEST_BATCHES


def summarise(
    system: System, records: Sequence[Records], window: tuple[int, int] | None = None, *, keep: bool = True
) -> Result:
    """The Result of one or more replications of `system`.

    `window` (ns, its end not included) restricts every table to requests whose root arrived in it. `keep` stores what
    reading another window of the written file needs. The order of the replications does not matter.
    Raises UsageError for an empty list or a window outside the run.
    """
    slices = _slices(system, records, window)
    result = _tables(slices)
    if keep:
        result.plan = pack_plan(system)
        result.data = [pack(run.records) for run in slices.runs]
    return result


def on_demand(system: System, records: Sequence[Records], window: tuple[int, int] | None = None) -> Result:
    """As `summarise` without `keep`, but a table is made when it is first asked for.

    For whoever wants a few numbers: all tables of a thousand services take longer than running them.
    """
    return _OnDemand(_slices(system, records, window))


def read_window(result: Result, window: tuple[int, int]) -> Result:
    """Another window of a stored result, as `summarise` would give it; percentiles come from buckets.

    Raises ResultFormatError when the result was stored without its data, UsageError for a window outside the run.
    """
    if result.plan is None or result.data is None:
        raise ResultFormatError(
            "this result holds its tables alone, so no other window of it can be read",
            hint="write it with `msforge simulate FILE --out run.json`, which keeps what windows need",
        )
    read = summarise(unpack_plan(result.plan), [unpack(one) for one in result.data], window, keep=False)
    read.engine = result.engine
    return read


def engine_version() -> str:
    """The version of msforge, as results and reports state it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("msforge")
    except PackageNotFoundError:
        return "unknown"


def _span(system: System, records: Sequence[Records], window: tuple[int, int] | None) -> tuple[int, int]:
    """What the tables are about, in ns; shorter when the run was interrupted."""
    stop = min([system.run.duration, *(one.end for one in records)])
    if window is None:
        return min(system.run.warmup, stop), stop
    begin, end = window
    if not 0 <= begin < end or begin >= stop:
        raise UsageError(
            f"the window {begin / 1e9:g}s..{end / 1e9:g}s is not part of the run, which measured 0s..{stop / 1e9:g}s",
            hint=f"give a window inside it, e.g. --window 0s..{stop / 1e9:g}s",
        )
    return begin, min(end, stop)


def _slices(system: System, records: Sequence[Records], window: tuple[int, int] | None) -> Slices:
    if not records:
        raise UsageError("there is nothing to summarise: no replication was run")
    ordered = sorted(records, key=lambda r: (r.replication, r.seed))
    begin, end = _span(system, ordered, window)
    return Slices(system, [Run(system, one) for one in ordered], begin, end, whole=window is None)


class _OnDemand(Result):
    """A Result in which a table that needs no other is made alone, and all the rest at once."""

    def __init__(self, slices: Slices) -> None:
        self._slices, self._book = slices, traffic.Book(slices)

    def __getattr__(self, name: str) -> Any:  # asked for what is not there yet
        if name.startswith("_"):
            raise AttributeError(name)
        make = _ALONE.get(name)
        made = make(self._slices, self._book) if make is not None else getattr(self._whole, name)
        setattr(self, name, made)
        return made

    @cached_property
    def _whole(self) -> Result:
        return _tables(self._slices)


_ALONE: Final[Mapping[str, Callable[[Slices, traffic.Book], Any]]] = {
    "objectives": objectives.judge,
    "entries": traffic.entries,
    "endpoints": traffic.endpoints,
    "services": stations.services,
    "edges": links.edges,
    "stores": stations.stores,
    "channels": links.channels,
    "storm": lambda slices, book: storm.storm(slices, book, links.faults(slices)),
    "happenings": lambda slices, _: links.happenings(slices),
    "breakers": lambda slices, _: links.breakers(slices),
    "cost": cost.cost,
}


def _tables(slices: Slices) -> Result:
    system = slices.system
    first = slices.runs[0].records
    book = traffic.Book(slices)
    faults = links.faults(slices)
    interrupted = any(run.records.interrupted for run in slices.runs)
    return Result(
        format=FORMAT,
        engine=engine_version(),
        system=system.name,
        scenario=system.scenario,
        digest=system.digest,
        seed=first.seed,
        replications=len(slices.runs),
        warmup=system.run.warmup,
        duration=system.run.duration,
        span=Span(slices.begin, slices.end),
        windowed=not slices.whole,
        interrupted=interrupted,
        rows_complete=slices.exact,
        percentiles=_percentile_text(slices),
        intervals=_intervals(slices),
        notes=_notes(slices, interrupted),
        objectives=objectives.judge(slices, book),
        unstable=stability.unstable(slices),
        story=why.story(slices),
        sources=traffic.sources(slices, book),
        entries=traffic.entries(slices, book),
        endpoints=traffic.endpoints(slices, book),
        services=stations.services(slices, book),
        edges=links.edges(slices, book),
        breakers=links.breakers(slices),
        stores=stations.stores(slices, book),
        channels=links.channels(slices, book),
        faults=faults,
        happenings=links.happenings(slices),
        sagas=links.sagas(slices),
        storm=storm.storm(slices, book, faults),
        cost=cost.cost(slices, book),
        checks=laws.checks(slices),
        figures=book.figures,
        series=series.series(slices),
        traces=links.traces(slices),
    )


def _percentile_text(slices: Slices) -> str:
    error = f"{RELATIVE_ERROR:.1%}"
    if slices.exact:
        return (
            "the ceil(p n)-th smallest of n latencies: exact for entries and sources, from buckets at most "
            f"{error} off for endpoints and services"
        )
    return f"the ceil(p n)-th smallest of n latencies, from buckets: at most {error} off"


def _intervals(slices: Slices) -> Intervals:
    n = len(slices.pieces)
    if slices.batches:
        text = f"95 % intervals by batch means of a single run: {n} batches"
        text += f", merged in pairs where neighbours are correlated ({n // 2})" if n >= 2 * FEWEST_BATCHES else ""
        return Intervals("batches", n, CONFIDENCE, text)
    if n > 1:
        return Intervals("replications", n, CONFIDENCE, f"95 % intervals by Student's t over {n} replications")
    return Intervals("none", 0, CONFIDENCE, "no intervals: a single run too short for batches; use --replications")


def _notes(slices: Slices, interrupted: bool) -> list[str]:
    notes = []
    if interrupted:
        notes.append(
            f"interrupted at {slices.end / 1e9:g} s of {slices.system.run.duration / 1e9:g} s: what follows is what "
            "was measured until then; requests in flight are not counted"
        )
    if slices.begin % slices.width or (slices.end % slices.width and not slices.whole):
        notes.append(
            f"the span was widened or narrowed to whole buckets of {slices.width / 1e9:g} s: "
            f"{slices.first * slices.width / 1e9:g} s to {slices.last * slices.width / 1e9:g} s"
        )
    if not slices.whole and any(run.records.measured_in_flight.any() for run in slices.runs):
        notes.append("requests that never ended are not counted in a window")
    return notes
