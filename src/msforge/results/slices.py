"""A span of one or several runs, cut into slices and summed per slice.

A slice is a whole replication, or a batch of a single run's buckets. Everything a figure
needs is summed here once; the tables divide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, System
from msforge.recording import buckets
from msforge.recording.records import (
    ANSWERED_CLASS,
    CHANNEL_TICKS,
    EDGE_TICKS,
    FAILED_CLASS,
    REPLICA_TICKS,
    STORE_TICKS,
    Histogram,
    Records,
    ReplicaRecord,
)
from msforge.records import Outcome
from msforge.results.figures import Measured
from msforge.results.sample import Buckets, Rows, Sample
from msforge.results.statistics import batch_count, ratio, share

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ANSWERED, FAILED, ALL = (ANSWERED_CLASS,), (FAILED_CLASS,), (ANSWERED_CLASS, FAILED_CLASS)
_OK = (int(Outcome.OK), int(Outcome.DEGRADED))


@dataclass(frozen=True)
class Slice:
    """Buckets `first` up to, not with, `last` of one replication."""

    record: int
    first: int
    last: int


def deltas(ticks: Ints, columns: tuple[str, ...], count: int, windows: int, levels: tuple[str, ...]) -> Ints:
    """[windows, count, columns - 2] of what each bucket added; the columns named in `levels` as they stood at its end.

    `ticks` holds cumulative rows (tick, index, ...), in any order; a row that is missing means no change since the
    last one.
    """
    width = len(columns) - 2
    out = np.zeros((windows, count, width), dtype=np.int64)
    if not len(ticks):
        return out
    rows = ticks[np.lexsort((ticks[:, 0], ticks[:, 1]))]
    values = rows[:, 2:].copy()
    same = rows[1:, 1] == rows[:-1, 1]
    for number, name in enumerate(columns[2:]):
        if name not in levels:
            values[1:, number] -= np.where(same, rows[:-1, 2 + number], 0)
    inside = (rows[:, 0] < windows) & (rows[:, 1] < count)
    np.add.at(out, (rows[inside, 0], rows[inside, 1]), values[inside])
    return out


class Run:
    """One replication, its ticks turned into what each bucket added."""

    def __init__(self, system: System, records: Records) -> None:
        self.records = records
        self.windows = records.moments.shape[2]
        self._of: dict[int, list[ReplicaRecord]] = {}
        for replica in records.replicas:
            self._of.setdefault(replica.service, []).append(replica)
        self.stores = deltas(records.store_ticks, STORE_TICKS, len(system.stores), self.windows, ("busy", "waiting"))
        self.edges = deltas(records.edge_ticks, EDGE_TICKS, len(system.edges), self.windows, ())
        levels = ("backlog", "unacked", "oldest_age")
        self.channels = deltas(records.channel_ticks, CHANNEL_TICKS, len(system.channels), self.windows, levels)
        numbers = max((replica.number for replica in records.replicas), default=-1) + 1
        self.replicas = deltas(records.replica_ticks, REPLICA_TICKS, numbers, self.windows, ("busy", "waiting"))
        self.services = np.zeros((self.windows, len(system.services), self.replicas.shape[2]), dtype=np.int64)
        for replica in records.replicas:
            self.services[:, replica.service] += self.replicas[:, replica.number]

    def replicas_of(self, service: int) -> Sequence[ReplicaRecord]:
        """A service's replicas, in the order in which they came."""
        return self._of.get(service, ())


class Slices:
    """The span [begin, end) ns of `runs`, cut. `batches` tells batches of one run from replications."""

    def __init__(self, system: System, runs: list[Run], begin: int, end: int, *, whole: bool) -> None:
        self.system, self.runs, self.whole = system, runs, whole
        self.width = runs[0].records.window
        self.first = -(-begin // self.width)
        self.last = max(self.first, min(-(-end // self.width), min(run.windows for run in runs)))
        self.begin, self.end = begin, end
        count = batch_count(self.last - self.first) if len(runs) == 1 else 0
        self.batches = count > 0
        if count:
            edges = [self.first + (self.last - self.first) * n // count for n in range(count + 1)]
            self.pieces = [Slice(0, a, b) for a, b in pairwise(edges)]
        else:
            self.pieces = [Slice(n, self.first, self.last) for n in range(len(runs))]
        self.entries = runs[0].records.entries

    @property
    def seconds(self) -> Floats:
        """Length of each slice, s."""
        ends = [min(piece.last * self.width, self.end) for piece in self.pieces]
        begins = [max(piece.first * self.width, self.begin) for piece in self.pieces]
        lengths: Floats = np.array([b - a for a, b in zip(begins, ends, strict=True)], dtype=float)
        return lengths / 1e9

    def sums(self, arrays: list[NDArray[np.generic]]) -> Floats:
        """[slices, ...]: each run's array [windows, ...] summed over each slice."""
        return np.stack(
            [arrays[piece.record][piece.first:piece.last].sum(axis=0, dtype=np.float64) for piece in self.pieces]
        )

    @cached_property
    def moments(self) -> Floats:
        """[slices, groups, class, 5] as `Records.moments`, least and most included."""
        out = []
        for piece in self.pieces:
            part = self.runs[piece.record].records.moments[:, :, piece.first:piece.last]
            total = part.sum(axis=2)
            seen = part[..., 0] > 0
            total[..., 3] = np.where(seen, part[..., 3], np.inf).min(axis=2, initial=np.inf)
            total[..., 4] = np.where(seen, part[..., 4], -np.inf).max(axis=2, initial=-np.inf)
            out.append(total)
        return np.stack(out)

    def _grouped(self, arrays: list[NDArray[np.generic]]) -> Floats:
        return self.sums([np.moveaxis(array, 1, 0) for array in arrays])

    @cached_property
    def outcomes(self) -> Floats:
        """[slices, groups, 13] by root arrival."""
        return self._grouped([run.records.outcomes for run in self.runs])

    @cached_property
    def answers(self) -> Floats:
        """[slices, groups, 13] by answer."""
        return self._grouped([run.records.answers for run in self.runs])

    @cached_property
    def gone(self) -> Floats:
        """[slices, bodies] finished after the caller gave up, by answer; nobody waits for a consumer."""
        counts = self._grouped([run.records.gone for run in self.runs])
        counts[:, [body.index for body in self.system.bodies if body.consumer != NONE]] = 0.0
        return counts

    @cached_property
    def parts(self) -> Floats:
        """[slices, groups, class, 5] summed ns of queue, own, store, network, backoff; zeros when not kept."""
        if any(run.records.parts.shape[2] != run.windows for run in self.runs):
            return np.zeros((*self.moments.shape[:3], 5))
        return self.sums([np.moveaxis(run.records.parts, 2, 0) for run in self.runs])

    @cached_property
    def services(self) -> Floats:
        """[slices, services, REPLICA_TICKS without its first two]."""
        return self.sums([run.services for run in self.runs])

    @cached_property
    def stores(self) -> Floats:
        """[slices, stores, STORE_TICKS without its first two]."""
        return self.sums([run.stores for run in self.runs])

    @cached_property
    def edges(self) -> Floats:
        """[slices, edges, EDGE_TICKS without its first two]."""
        return self.sums([run.edges for run in self.runs])

    @cached_property
    def channels(self) -> Floats:
        """[slices, channels, CHANNEL_TICKS without its first two]; levels are summed over buckets."""
        return self.sums([run.channels for run in self.runs])

    @cached_property
    def buckets_in(self) -> Floats:
        """Number of buckets in each slice."""
        return np.array([piece.last - piece.first for piece in self.pieces], dtype=float)

    @cached_property
    def in_flight(self) -> Floats:
        """[slices, entries] measured roots without an outcome; known for the whole span only, and in its last batch."""
        out = np.zeros((len(self.pieces), len(self.entries)))
        if self.whole and not any(run.records.interrupted for run in self.runs):
            for number, piece in enumerate(self.pieces):
                if piece.last == self.last:
                    out[number] = self.runs[piece.record].records.measured_in_flight
        return out

    @property
    def exact(self) -> bool:
        """True while every root has its row."""
        return all(run.records.rows_complete and len(run.records.roots) > 0 for run in self.runs)

    def histogram(self, groups: tuple[int, ...], classes: tuple[int, ...]) -> Sample:
        """Latencies of some groups and classes together, from buckets."""
        pairs = tuple((group, class_) for group in groups for class_ in classes)
        return self._sample([run.records.latency for run in self.runs], pairs, self._range(groups, classes))

    def waits(self, service: int) -> Sample:
        """Waits for a thread at a service, from buckets."""
        tables = [run.records.wait for run in self.runs]
        pairs = [tuple((replica.number, 0) for replica in run.replicas_of(service)) for run in self.runs]
        return self._sample(tables, pairs, (0.0, np.inf))

    def replica_waits(self, record: int, replica: int) -> Sample:
        """Waits for a thread at one replica of one run, from buckets."""
        tables = [run.records.wait for run in self.runs]
        pairs: list[tuple[tuple[int, int], ...]] = [() for _ in self.runs]
        pairs[record] = ((replica, 0),)
        return self._sample(tables, pairs, (0.0, np.inf))

    def _range(self, groups: tuple[int, ...], classes: tuple[int, ...]) -> tuple[float, float]:
        chosen = self.moments[:, list(groups)][:, :, list(classes)]
        return float(chosen[..., 3].min(initial=np.inf)), float(chosen[..., 4].max(initial=-np.inf))

    def _sample(
        self,
        tables: list[Histogram],
        pairs: tuple[tuple[int, int], ...] | list[tuple[tuple[int, int], ...]],
        limits: tuple[float, float],
    ) -> Sample:
        cells: list[tuple[Ints, Ints, Ints]] = []
        for index, table in enumerate(tables):
            for group, class_ in pairs[index] if isinstance(pairs, list) else pairs:
                low = group << 40 | class_ << 38
                a, b = np.searchsorted(table.keys, [low, low + (1 << 38)])
                window = (table.keys[a:b] >> 16) & 0x3FFFFF
                owner = self._owner(index, window)
                cells.append((owner, table.keys[a:b] & 0xFFFF, table.counts[a:b]))
        if not cells:
            return Buckets(np.zeros(0), np.zeros((len(self.pieces), 0), dtype=np.int64))
        owner, bucket, count = (np.concatenate(column) for column in zip(*cells, strict=True))
        inside = owner >= 0
        which, at = np.unique(bucket[inside], return_inverse=True)
        counts = np.zeros((len(self.pieces), len(which)), dtype=np.int64)
        np.add.at(counts, (owner[inside], at), count[inside])
        return Buckets(np.clip(buckets.middle(which), *limits), counts)

    def _owner(self, record: int, window: Ints) -> Ints:
        """Which slice of `record` each bucket number belongs to; -1 for none."""
        found: Ints = self._owners[record][np.minimum(window, len(self._owners[record]) - 1)]
        return found

    @cached_property
    def _owners(self) -> list[Ints]:
        tables = [np.full(run.windows + 1, -1, dtype=np.int64) for run in self.runs]
        for number, piece in enumerate(self.pieces):
            tables[piece.record][piece.first:piece.last] = number
        return tables

    def rows(self, entries: tuple[int, ...], classes: tuple[int, ...], column: str = "latency") -> list[Ints]:
        """Per slice, the rows of some entries: their latency, or another column."""
        out = []
        for piece in self.pieces:
            records = self.runs[piece.record].records
            roots = records.roots
            begin = max(piece.first * self.width, self.begin)
            end = min(piece.last * self.width, self.end)
            keep = (roots["arrival"] >= begin) & (roots["arrival"] < end)
            of = np.zeros(len(keep), dtype=bool)
            for entry in entries:
                source, target = self.entries[entry]
                of |= (roots["source"] == source) & (roots["target"] == target)
            answered = np.isin(roots["outcome"], _OK)
            if classes != ALL:
                keep &= answered if classes == ANSWERED else ~answered
            values = roots["end"] - roots["arrival"] if column == "latency" else roots[column]
            out.append(values[keep & of])
        return out

    def latencies(self, groups: tuple[int, ...], classes: tuple[int, ...]) -> Sample:
        """The best sample there is: rows for entries while complete, else buckets."""
        if self.exact and groups and max(groups) < len(self.entries):
            return Rows(self.rows(groups, classes))
        return self.histogram(groups, classes)

    def ratio(self, numerators: Floats, denominators: Floats) -> Measured:
        """A ratio with its interval over the slices."""
        return ratio(np.asarray(numerators, float), np.asarray(denominators, float), batches=self.batches)

    def share(self, numerators: Floats, denominators: Floats) -> Measured:
        """A share with its interval over the slices."""
        return share(np.asarray(numerators, float), np.asarray(denominators, float), batches=self.batches)

    def rate(self, counts: Floats) -> Measured:
        """Per second, with its interval."""
        return self.ratio(counts, self.seconds)
