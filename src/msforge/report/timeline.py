"""When: the run as sparklines over one time axis, with fault windows marked below."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from msforge.report.shapes import heading, indented
from msforge.report.text import clean, count, duration, moment, percent, rate, sparkline
from msforge.results.result import Result, Series, ServiceSeries, TrafficSeries

LABEL = 24
SCALE = 14
MOST_ROWS = 9


@dataclass(frozen=True)
class Track:
    """One sparkline: its label, values per bucket (NaN = nothing), what to say of its scale, its full height."""

    label: str
    values: list[float]
    scale: str
    top: float | None = None
    alarm: bool = False


def when(result: Result, width: int) -> Iterator[RenderableType]:
    """The tracks, the fault windows and the axis, in `width` columns."""
    series = result.series
    if series.buckets < 2:
        return
    tracks, faults = _tracks(result), _faults(result)
    label = min(max((len(clean(t)) for t in [*(t.label for t in tracks), *(f for f, _ in faults)]), default=0), LABEL)
    room = max(width - label - SCALE - 6, 10)
    bars = max(room // series.buckets, 1)  # a bucket of a short run is drawn as several equal bars
    cells = min(room, series.buckets * bars)
    yield heading("When")
    made = Table.grid(padding=(0, 2), pad_edge=False)
    made.add_column(width=label, no_wrap=True, overflow="ellipsis")
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True, overflow="ellipsis")
    for track in tracks:
        style = "red" if track.alarm else "cyan"
        made.add_row(
            clean(track.label),
            Text(sparkline([v for v in track.values for _ in range(bars)], cells, track.top), style),
            track.scale,
        )
    for words, windows in faults:
        made.add_row(Text(clean(words), "bold"), Text(_marks(windows, series, cells), "bold magenta"), _spans(windows))
    made.add_row("", _axis(series, cells), "")
    yield indented(made)
    if result.replications > 1:
        marks = "; fault marks are the first's" if faults else ""
        yield indented(Text(f"Means of {result.replications} replications{marks}.", style="dim"))


def _tracks(result: Result) -> list[Track]:
    tracks: list[Track] = []
    series = result.series
    entries = series.entries[:2]
    for entry in entries:
        label = _short(entry.name) if len(series.entries) > 1 else "requests"
        per_second = [n * 1e9 / series.width for n in entry.arrivals]
        tracks.append(Track(label, per_second, f"max {rate(_most(per_second))}"))
        tracks.extend(_quality(entry, len(entries) > 1))
    for service in _services(result):
        tracks.extend(_load(service))
    for channel in result.series.channels:
        if _most(channel.backlog) >= 100 and len(tracks) < MOST_ROWS:
            tracks.append(Track(f"{channel.name} backlog", channel.backlog, f"max {count(_most(channel.backlog))}"))
    return tracks[:MOST_ROWS]


def _quality(entry: TrafficSeries, several: bool) -> Iterator[Track]:
    p99 = [math.nan if v is None else v for v in entry.p99]
    if any(not math.isnan(v) for v in p99):
        yield Track("  p99" if several else "p99", p99, f"max {duration(_most(p99))}")
    failed = _failed_share(entry)
    if _most(failed) > 0:
        yield Track("  failed" if several else "failed", failed, f"max {percent(_most(failed))}", top=1.0, alarm=True)


def _failed_share(entry: TrafficSeries) -> list[float]:
    lost = (
        [sum(column) for column in zip(*entry.failed.values(), strict=True)]
        if entry.failed
        else [0.0] * len(entry.arrivals)
    )
    return [f / n if n > 0 else math.nan for f, n in zip(lost, entry.arrivals, strict=True)]


def _services(result: Result) -> list[ServiceSeries]:
    """The first suspects' services, else the busiest; at most two, and any whose replicas changed."""
    by_name = {s.name: s for s in result.series.services}
    wanted = [s.service for s in result.story.suspects[:2]] or [
        s.name for s in sorted(result.services, key=lambda s: -(s.utilisation.value or 0.0))[:1]
    ]
    changed = [s.name for s in result.series.services if _most(s.replicas) - _least(s.replicas) >= 0.5]
    return [by_name[name] for name in dict.fromkeys(wanted + changed[:2]) if name in by_name]


def _load(service: ServiceSeries) -> Iterator[Track]:
    busy = [math.nan if v is None else v for v in service.utilisation]
    if any(not math.isnan(v) for v in busy):
        yield Track(f"{service.name} busy", busy, f"max {percent(_most(busy))}", top=1.0, alarm=_most(busy) >= 0.95)
    if _most(service.waiting) >= 1:
        yield Track(f"{service.name} queue", service.waiting, f"max {count(_most(service.waiting))}")
    low, high = _least(service.replicas), _most(service.replicas)
    if high - low >= 0.5:
        yield Track(f"{service.name} replicas", service.replicas, f"{count(low)} to {count(high)}")


def _faults(result: Result) -> list[tuple[str, list[tuple[int, int]]]]:
    """Label and windows of each fault as it happened in the first replication, at most four."""
    end = result.series.begin + result.series.buckets * result.series.width
    windows: dict[str, list[tuple[int, int]]] = {}
    for fault in result.faults:
        if fault.replication == 0:
            windows.setdefault(fault.label, []).append((fault.begin, end if fault.end is None else fault.end))
    return list(windows.items())[:4]


def _spans(windows: Sequence[tuple[int, int]]) -> str:
    if len(windows) > 1:
        return f"fault, {len(windows)} times"
    return f"{moment(windows[0][0])} to {moment(windows[0][1])}"


def _marks(windows: Sequence[tuple[int, int]], series: Series, cells: int) -> str:
    length = series.buckets * series.width
    line = [" "] * cells
    for begin, end in windows:
        first = int((begin - series.begin) * cells / length)
        last = math.ceil((end - series.begin) * cells / length)
        for n in range(max(first, 0), min(max(last, first + 1), cells)):
            line[n] = "━"
    return "".join(line)


def _axis(series: Series, cells: int) -> str:
    """Times under the sparklines, as many as fit."""
    length = series.buckets * series.width
    ticks = max(min(cells // 12, 6), 1)
    line = [" "] * cells
    for n in range(ticks + 1):
        words = moment(series.begin + n * length / ticks)
        at = min(round(n * cells / ticks), cells - len(words))
        line[at : at + len(words)] = words
    return "".join(line)


def _short(name: str) -> str:
    return name.split(" -> ")[-1]


def _most(values: Sequence[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=0.0)


def _least(values: Sequence[float]) -> float:
    return min((v for v in values if not math.isnan(v)), default=0.0)
