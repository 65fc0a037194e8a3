"""Retry storms: how much work a request became, how much of it nobody waited for, how long it took to heal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.recording.records import ANSWERED_CLASS, EDGE_COUNTS, SUM, N
from msforge.results import links, stations
from msforge.results.figures import Measured
from msforge.results.result import FaultWindow, Recovery, Storm
from msforge.results.slices import ALL, Run, Slices
from msforge.results.traffic import OK, Book, entry_name

Floats = NDArray[np.float64]

SMOOTH = 10
BEFORE = 60_000_000_000
FEWEST = 5
STAY = 0.95


def storm(slices: Slices, book: Book, faults: list[FaultWindow]) -> Storm:
    """The figures of a retry storm; harmless numbers in a calm run."""
    entries = tuple(range(len(slices.entries)))
    roots = slices.outcomes[:, : len(entries)].sum(axis=(1, 2))
    arrived = slices.services[:, :, stations.ARRIVED].sum(axis=1)
    served = slices.answers[:, len(entries) :].sum(axis=(1, 2))
    return Storm(
        attempts=_attempts(slices, book, entries),
        amplification=book.ratio("storm/amplification", "count", "less", arrived, roots),
        retry_share=_retry_share(slices, book),
        gone_share=book.ratio("storm/gone_share", "ratio", "less", slices.gone.sum(axis=1), served, share=True),
        recoveries=[recovery for run in slices.runs for recovery in _recoveries(slices, run, faults)],
    )


def _retry_share(slices: Slices, book: Book) -> Measured:
    """Retries / tries over all call edges. Batches and windows know tries and calls alone: tries beyond the calls."""
    if slices.whole and not slices.batches:
        counts = np.array([run.records.edge_counts.sum(axis=0) for run in slices.runs], dtype=np.float64)
        retries, tries = counts[:, EDGE_COUNTS.index("retries")], counts[:, EDGE_COUNTS.index("tries")]
    else:
        tries = slices.edges[:, :, links.TRIES].sum(axis=1)
        retries = np.maximum(0.0, slices.edges[:, :, links.TRIES] - slices.edges[:, :, links.CALLS]).sum(axis=1)
    return book.ratio("storm/retry_share", "ratio", "less", retries, tries, share=True)


def _attempts(slices: Slices, book: Book, entries: tuple[int, ...]) -> Measured:
    if not entries or not all("tries" in run.records.roots for run in slices.runs):
        return Measured(None)
    tries = slices.rows(entries, ALL, "tries")
    sums = np.array([float(piece.sum()) for piece in tries])
    return book.ratio("storm/attempts", "count", "less", sums, np.array([float(len(piece)) for piece in tries]))


def _recoveries(slices: Slices, run: Run, faults: list[FaultWindow]) -> list[Recovery]:
    mine = [fault for fault in faults if fault.replication == run.records.replication and fault.end is not None]
    begins = sorted(fault.begin for fault in faults if fault.replication == run.records.replication)
    out = []
    for fault in mine:
        assert fault.end is not None
        later = [begin for begin in begins if begin >= fault.end]
        stop = min([*later, slices.system.run.duration, run.records.end])
        for entry, pair in enumerate(slices.entries):
            name = entry_name(slices.system, pair)
            found, text = _recovered(slices, run, entry, fault, fault.end, stop)
            out.append(Recovery(name, fault.label, run.records.replication, fault.end, found, text))
    return out


def smoothed(tops: Floats, bottoms: Floats, span: int) -> Floats:
    """Ratio of forward sums over `span` buckets (fewer at the end); nan where the bottoms sum to 0."""
    size = len(tops)
    ends = np.minimum(np.arange(size) + span, size)
    top, bottom = (np.concatenate([[0.0], np.cumsum(values)]) for values in (tops, bottoms))
    above, below = top[ends] - top[:size], bottom[ends] - bottom[:size]
    ratio: Floats = np.divide(above, below, out=np.full(size, np.nan), where=below > 0)
    return ratio


def _recovered(
    slices: Slices, run: Run, entry: int, fault: FaultWindow, cleared: int, stop: int
) -> tuple[int | None, str]:
    """Time to recover (ns) and the sentence that says so."""
    width = slices.width
    begin = max(slices.system.run.warmup, fault.begin - BEFORE) // width
    first, last = fault.begin // width, stop // width
    after = -(-cleared // width)
    if first - begin < FEWEST:
        return None, "can't be said: too little was measured before the fault"
    if last - after < FEWEST:
        return None, "can't be said: too little was measured after the fault"
    outcomes = run.records.outcomes[entry].astype(np.float64)
    moments = run.records.moments[entry, ANSWERED_CLASS]
    span = min(SMOOTH, first - begin)
    inside = np.ones(last - after, dtype=bool)
    for tops, bottoms, sign, slack in (
        (outcomes[:, OK].sum(axis=1), outcomes.sum(axis=1), -1.0, 0.005),
        (moments[:, SUM], moments[:, N], 1.0, 0.1 * _ratio(moments[begin:first])),
    ):
        before = smoothed(tops[begin:first], bottoms[begin:first], span)[: first - begin - span + 1]
        now = smoothed(tops[after:last], bottoms[after:last], SMOOTH)
        limit = np.nanmean(before) + sign * (3.0 * np.nanstd(before) + slack) if np.isfinite(before).any() else np.nan
        inside &= ~(sign * (now - limit) > 0)
    stays = np.cumsum(inside[::-1])[::-1] / np.arange(len(inside), 0, -1)
    good = np.flatnonzero(inside & (stays >= STAY))
    if not len(good) or last - after - good[0] < FEWEST:
        return None, "not recovered"
    took = max(0, (after + int(good[0])) * width - cleared)
    return took, "back at once" if good[0] == 0 else f"recovered {took / 1e9:.3g} s after"


def _ratio(moments: Floats) -> float:
    n = float(moments[:, N].sum())
    return float(moments[:, SUM].sum()) / n if n else 0.0
