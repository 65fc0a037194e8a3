"""Gauges of many stations at once, from rows instead of events."""

from __future__ import annotations

import numpy as np

from msforge.recording.records import Ints
from msforge.records import SERVED_COLUMNS, Outcome

_C = {name: i for i, name in enumerate(SERVED_COLUMNS)}

COME, BOTH = 1, 2  # what is known of a request without a row: that it came and waits, or that it has begun too
DEGRADED = int(Outcome.DEGRADED)
LARGEST_KEY = 1 << 59

# Kinds of events, in their order at one instant: first what stood before, last the reading.
KINDS = STOOD, GOES_IN, WAITS, REFUSED, BEGINS, LEAVES, LEAVES_FAILED, MARK = range(8)
STEPS: Ints = np.array([
    (0, 1, 0, 0, 1, -1, -1, 0),   # busy
    (0, 0, 1, 0, -1, 0, 0, 0),    # waiting
    (0, 1, 1, 1, 0, 0, 0, 0),     # arrived
    (0, 0, 0, 1, 0, 1, 1, 0),     # finished
    (0, 0, 0, 1, 0, 0, 1, 0),     # failed
])
READINGS = ("arrived", "finished", "failed", "busy_area", "wait_area", "busy", "waiting")


class StationGauges:
    """Busy threads and waiting requests of stations, from SERVED rows that may lie in the future.

    `numbers` are the replicas' run-wide numbers. `busy_time[i, k]` is the ns station i stood at
    k busy threads until the last `advance`, `wait_time` the same for those waiting.
    """

    def __init__(self, numbers: list[int]) -> None:
        size = len(numbers)
        self.numbers: Ints = np.array(numbers, dtype=np.int64)
        self.place: Ints = np.full(max(numbers, default=0) + 1, -1, dtype=np.int64)
        self.place[self.numbers] = np.arange(size)
        self.levels: Ints = np.zeros((size, 2), dtype=np.int64)   # busy, waiting
        self.totals: Ints = np.zeros((size, 3), dtype=np.int64)   # arrived, finished, failed
        self.areas: Ints = np.zeros((size, 2), dtype=np.int64)    # integrals of busy and waiting, ns
        self.busy_time: Ints = np.zeros((size, 8), dtype=np.int64)
        self.wait_time: Ints = np.zeros((size, 8), dtype=np.int64)
        self.now = 0
        self.pending: Ints = np.empty((3, 0), dtype=np.int64)  # time, station, kind of event

    def add(self, rows: Ints, told: Ints | None = None) -> None:
        """New rows of SERVED_COLUMNS (more may follow); their events may lie ahead.

        told: what `come` and `begun` have said of each before: nothing, COME or BOTH.
        """
        station = self.place[rows[:, _C["replica"]]]
        arrive, wait, end = rows[:, _C["arrive"]], rows[:, _C["wait"]], rows[:, _C["end"]]
        got, queued = wait >= 0, wait > 0
        come = np.stack((arrive, station, np.where(got, queued + GOES_IN, REFUSED)))
        if told is not None:
            come = come[:, told == 0]
            queued = (queued & (told == 0)) | (told == COME)
        failed = rows[:, _C["outcome"]] > DEGRADED
        leave = np.stack((end, station, LEAVES + failed))[:, got]
        self.pending = np.concatenate((self.pending, come, _begin((arrive + wait)[queued], station[queued]), leave), 1)

    def come(self, visits: Ints) -> None:
        """Requests that have no row yet: replica, arrival, and begin (-1: it waits)."""
        station, arrive, begin = self.place[visits[:, 0]], visits[:, 1], visits[:, 2]
        queued = begin != arrive
        self.pending = np.concatenate((self.pending, np.stack((arrive, station, queued + GOES_IN))), 1)
        self.begun(visits[queued & (begin >= 0)])

    def begun(self, visits: Ints) -> None:
        """Some of those that waited have begun; columns as for `come`."""
        self.pending = np.concatenate((self.pending, _begin(visits[:, 2], self.place[visits[:, 0]])), 1)

    def advance(self, times: list[int]) -> Ints:
        """Let time pass to each of `times` (ns, ascending) in turn.

        Returns READINGS at each of them: an array of shape [times, stations, readings].
        """
        size = len(self.numbers)
        due = self.pending[0] <= times[-1]
        time, station, kind = self._in_order(np.concatenate((self._marks(times), self.pending[:, due]), 1), times[-1])
        self.pending = self.pending[:, ~due]
        starts = np.searchsorted(station, np.arange(size))
        lengths = np.diff(np.append(starts, len(station)))
        passed = np.zeros(len(time), dtype=np.int64)
        passed[:-1] = time[1:] - time[:-1]
        passed[starts[1:] - 1] = 0
        busy, waiting, *totals = (
            _running(steps[kind], starts, lengths, base)
            for steps, base in zip(STEPS, (*self.levels.T, *self.totals.T), strict=True))
        self.busy_time = _add(self.busy_time, station, busy, passed)
        self.wait_time = _add(self.wait_time, station, waiting, passed)
        areas = (
            _running(level * passed, starts, lengths, base) - level * passed
            for level, base in ((busy, self.areas[:, 0]), (waiting, self.areas[:, 1])))
        marks = np.flatnonzero(kind == MARK)
        columns = [c[marks].reshape(size, len(times)) for c in (*totals, *areas, busy, waiting)]
        readings = np.stack(columns, axis=2)
        last = readings[:, -1]
        self.totals, self.areas, self.levels = last[:, 0:3].copy(), last[:, 3:5].copy(), last[:, 5:7].copy()
        self.now = times[-1]
        return readings.transpose(1, 0, 2)

    def _marks(self, times: list[int]) -> Ints:
        """The present moment and those to read at, for each station."""
        moments = np.array([self.now, *times], dtype=np.int64)
        size = len(self.numbers)
        marks = np.full((3, size * len(moments)), MARK, dtype=np.int64)
        marks[0], marks[1] = np.tile(moments, size), np.repeat(np.arange(size), len(moments))
        marks[2, :: len(moments)] = STOOD
        return marks

    def _in_order(self, events: Ints, last: int) -> Ints:
        """Events by station, time and kind."""
        time, station, kind = events
        span = last - self.now + 1
        if len(self.numbers) * span < LARGEST_KEY:
            order = np.argsort((station * span + (time - self.now)) * len(KINDS) + kind)
        else:
            order = np.lexsort((kind, time, station))
        in_order: Ints = events[:, order]
        return in_order


def _begin(time: Ints, station: Ints) -> Ints:
    """Requests that waited begin."""
    return np.stack((time, station, np.full(len(time), BEGINS)))


def _running(steps: Ints, starts: Ints, lengths: Ints, base: Ints) -> Ints:
    """The running sum within each station's events, on top of its `base`."""
    running = np.cumsum(steps)
    before = running[starts] - steps[starts]
    levels: Ints = running + np.repeat(base - before, lengths)
    return levels


def _add(table: Ints, station: Ints, level: Ints, passed: Ints) -> Ints:
    """Add times to a table that grows with the highest level."""
    top = int(level.max(initial=0)) + 1
    if top > table.shape[1]:
        table = np.pad(table, ((0, 0), (0, max(top, 2 * table.shape[1]) - table.shape[1])))
    np.add.at(table.reshape(-1), station * table.shape[1] + level, passed)
    return table
