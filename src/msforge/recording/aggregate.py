"""Streaming aggregates: rows in, tables out, in memory that does not grow with requests.

Both the simulator and a measured run feed rows (integers in the order of ROOT_COLUMNS and
SERVED_COLUMNS); full root rows are kept up to a limit, in the order of their arrival.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from msforge.recording.buckets import BANDS, band_of, bucket_of
from msforge.recording.records import BAND_COLUMNS, LEAST, MOST, SQUARES, SUM, Floats, Histogram, Ints, N
from msforge.records import OUTCOMES, ROOT_COLUMNS, SERVED_COLUMNS

ROW_LIMIT: Final = 1_000_000
FLUSH_ROWS: Final = 4096
HISTOGRAM_WINDOWS: Final = 1000  # a longer run's histograms join neighbouring windows, so that memory stays bounded
_R = {name: i for i, name in enumerate(ROOT_COLUMNS)}
_S = {name: i for i, name in enumerate(SERVED_COLUMNS)}


class SparseCounts:
    """Counts by integer key, merged now and then so that memory follows the distinct keys."""

    def __init__(self) -> None:
        self.keys: Ints = np.empty(0, dtype=np.int64)
        self.counts: Ints = np.empty(0, dtype=np.int64)
        self.parts: list[tuple[Ints, Ints]] = []
        self.pending = 0

    def add(self, keys: Ints) -> None:
        """Count each key once more per occurrence."""
        if keys.size == 0:
            return
        unique, counts = np.unique(keys, return_counts=True)
        self.parts.append((unique, counts.astype(np.int64)))
        self.pending += unique.size
        if self.pending > 262_144 + self.keys.size:
            self.merge()

    def merge(self) -> Histogram:
        """All counts so far, by sorted key."""
        if self.parts:
            keys = np.concatenate([self.keys, *(k for k, _ in self.parts)])
            counts = np.concatenate([self.counts, *(c for _, c in self.parts)])
            order = np.argsort(keys, kind="stable")
            keys, counts = keys[order], counts[order]
            first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
            self.keys = keys[first]
            self.counts = np.add.reduceat(counts, first)
            self.parts = []
            self.pending = 0
        return Histogram(self.keys, self.counts)


class Aggregates:
    """The tables of Records that grow with every row.

    Args:
        entries: (source, target body) of each entry group.
        bodies: number of bodies.
        window: ns of a window; `windows` of them are kept at most, later times count in the last. The tables
            begin with those that root requests arrive in and grow as answers come later.
        warmup, end: the measured span of root arrivals, ns.
    """

    def __init__(
        self, entries: tuple[tuple[int, int], ...], bodies: int, window: int, windows: int, warmup: int, end: int
    ) -> None:
        self.entries = entries
        self.window = window
        self.coarse = -(-windows // HISTOGRAM_WINDOWS)
        self.windows = windows
        self.warmup = warmup
        self.end = end
        self.bodies = bodies
        self.groups = groups = len(entries) + bodies
        self.room = room = min(windows, max(1, end // window + 2))
        sources = max((s for s, _ in entries), default=0) + 1
        self.entry_of: Ints = np.zeros((sources, max(1, bodies)), dtype=np.int64)
        for i, (source, target) in enumerate(entries):
            self.entry_of[source, target] = i
        self.moments: Floats = _moments(groups, room)
        self.arrivals: Ints = np.zeros((groups, room), dtype=np.int64)
        self.outcomes: Ints = np.zeros((groups, room, OUTCOMES), dtype=np.int64)
        self.answers: Ints = np.zeros((groups, room, OUTCOMES), dtype=np.int64)
        self.parts: Floats = np.zeros((groups, 2, room, 5))
        self.bands: Floats = np.zeros((groups, 2, BANDS, len(BAND_COLUMNS)))
        self.gone: Ints = np.zeros((bodies, room), dtype=np.int64)
        self.latency = SparseCounts()
        self.wait = SparseCounts()
        self.causes: dict[tuple[int, int], int] = {}
        self.kept: list[Ints] = []
        self.kept_rows = 0
        self.rows_complete = True

    def add_roots(self, rows: Ints) -> None:
        """Rows of ROOT_COLUMNS."""
        if not len(rows):
            return
        if self.kept_rows + len(rows) <= ROW_LIMIT and self.rows_complete:
            self.kept.append(rows)
            self.kept_rows += len(rows)
        else:
            self.rows_complete = False
            self.kept = []
        group = self.entry_of[rows[:, 0], rows[:, 1]]
        arrival, end, outcome = rows[:, _R["arrival"]], rows[:, _R["end"]], rows[:, _R["outcome"]]
        self._count(group, arrival, end, outcome, end - arrival, list(rows[:, _R["queue"] : _R["backoff"] + 1].T))
        failed = (rows[:, _R["cause"]] >= 0) & (arrival >= self.warmup) & (arrival < self.end)
        if failed.any():
            pairs, counts = np.unique(
                group[failed] << 32 | rows[failed, _R["cause"]], return_counts=True)
            for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
                key = (pair >> 32, pair & 0xFFFFFFFF)
                self.causes[key] = self.causes.get(key, 0) + count

    def add_served(self, rows: Ints) -> None:
        """Rows of SERVED_COLUMNS."""
        if not len(rows):
            return
        body, root, wait = rows[:, 0], rows[:, _S["root"]], rows[:, _S["wait"]]
        arrive, end, outcome = rows[:, _S["arrive"]], rows[:, _S["end"]], rows[:, _S["outcome"]]
        parts = [np.maximum(wait, 0), *rows[:, _S["own"] : _S["backoff"] + 1].T]
        self._count(body + len(self.entries), root, end, outcome, end - arrive, parts)
        got = wait >= 0
        window = np.minimum(root // self.window, self.windows - 1)
        self.wait.add(rows[got, _S["replica"]] << 40 | self._coarse(window[got]) << 16 | bucket_of(wait[got]))
        gone = rows[:, _S["gone"]] > 0
        if gone.any():
            at = np.minimum(end[gone] // self.window, self.windows - 1)
            np.add.at(self.gone, (body[gone], at), 1)

    def _count(self, group: Ints, root: Ints, end: Ints, outcome: Ints, latency: Ints, parts: list[Ints]) -> None:
        kind = (outcome > 1).astype(np.int64)
        window = np.minimum(root // self.window, self.windows - 1)
        at = np.minimum(end // self.window, self.windows - 1)
        last = max(int(at.max()), int(window.max()))
        if last >= self.room:
            self._resize(min(self.windows, 2 * last + 1))
        self.latency.add(group << 40 | kind << 38 | self._coarse(window) << 16 | bucket_of(latency))
        duration = latency.astype(np.float64)
        cell = group * self.room + window
        np.add.at(self.arrivals.reshape(-1), cell, 1)
        np.add.at(self.outcomes.reshape(-1), cell * OUTCOMES + outcome, 1)
        np.add.at(self.answers.reshape(-1), (group * self.room + at) * OUTCOMES + outcome, 1)
        cell = ((group * 2 + kind) * self.room + window) * 5
        flat = self.moments.reshape(-1)
        np.add.at(flat, cell + N, 1.0)
        np.add.at(flat, cell + SUM, duration)
        np.add.at(flat, cell + SQUARES, duration * duration)
        np.minimum.at(flat, cell + LEAST, duration)
        np.maximum.at(flat, cell + MOST, duration)
        flat = self.parts.reshape(-1)
        for i, part in enumerate(parts):
            if part.any():
                np.add.at(flat, cell + i, part.astype(np.float64))
        inside = (root >= self.warmup) & (root < self.end)
        if inside.any():
            self._bands(group[inside], kind[inside], latency[inside], [part[inside] for part in parts])

    def _coarse(self, window: Ints) -> Ints:
        """The first of the windows that share a histogram."""
        return window // self.coarse * self.coarse

    def _bands(self, group: Ints, kind: Ints, latency: Ints, parts: list[Ints]) -> None:
        width = len(BAND_COLUMNS)
        cell = ((group * 2 + kind) * BANDS + band_of(latency)) * width
        flat = self.bands.reshape(-1)
        np.add.at(flat, cell, 1.0)
        np.add.at(flat, cell + 1, latency.astype(np.float64))
        for i, part in enumerate(parts):
            if part.any():
                np.add.at(flat, cell + 2 + i, part.astype(np.float64))

    def keep(self, windows: int) -> None:
        """Have tables of exactly `windows` windows (or of all there are): the run did not reach those after them."""
        self.windows = min(windows, self.windows)
        self._resize(self.windows)

    def _resize(self, room: int) -> None:
        """Tables of `room` windows: the first of those there are, and empty ones after them."""
        old = min(room, self.room)
        more = room - old
        self.moments = np.concatenate((self.moments[:, :, :old], _moments(self.groups, more)), axis=2)
        self.parts = np.pad(self.parts[:, :, :old], ((0, 0), (0, 0), (0, more), (0, 0)))
        self.arrivals = np.pad(self.arrivals[:, :old], ((0, 0), (0, more)))
        self.gone = np.pad(self.gone[:, :old], ((0, 0), (0, more)))
        self.outcomes = np.pad(self.outcomes[:, :old], ((0, 0), (0, more), (0, 0)))
        self.answers = np.pad(self.answers[:, :old], ((0, 0), (0, more), (0, 0)))
        self.room = room

    def root_rows(self) -> dict[str, Ints]:
        """The kept root rows as columns; empty columns when there were too many."""
        rows = np.concatenate(self.kept) if self.kept else np.empty((0, len(ROOT_COLUMNS)), dtype=np.int64)
        rows = rows[np.lexsort((rows[:, _R["number"]], rows[:, _R["source"]], rows[:, _R["arrival"]]))]
        return {name: np.ascontiguousarray(rows[:, i]) for name, i in _R.items()}


def _moments(groups: int, windows: int) -> Floats:
    """Moments of nothing."""
    moments = np.zeros((groups, 2, windows, 5))
    moments[..., LEAST] = np.inf
    moments[..., MOST] = -np.inf
    return moments
