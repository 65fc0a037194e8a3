"""Gauges of many stations at once, from rows instead of events."""

from __future__ import annotations

from typing import Any

import numpy as np

from msforge.recording.records import Ints
from msforge.records import SERVED_COLUMNS, Outcome

_C = {name: i for i, name in enumerate(SERVED_COLUMNS)}

COME, BOTH = 1, 2  # what is known of a request without a row: that it came and waits, or that it has begun too
DEGRADED = int(Outcome.DEGRADED)
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
        self.pending: Ints = np.empty((0, 7), dtype=np.int64)  # time, station, busy, waiting, arrived, finished, failed

    def add(self, rows: Ints, told: Ints | None = None) -> None:
        """New rows of SERVED_COLUMNS (more may follow); their events may lie ahead.

        told: what `come` and `begun` have said of each before: nothing, COME or BOTH.
        """
        station = self.place[rows[:, _C["replica"]]]
        arrive, wait, end = rows[:, _C["arrive"]], rows[:, _C["wait"]], rows[:, _C["end"]]
        got = wait >= 0
        queued = wait > 0
        come = _events(arrive, station, busy=got & ~queued, waiting=queued, arrived=1, finished=~got, failed=~got)
        begin = _events((arrive + wait)[queued], station[queued], busy=1, waiting=-1)
        if told is not None:
            come = come[told == 0]
            begins = (queued & (told == 0)) | (told == COME)
            begin = _events((arrive + wait)[begins], station[begins], busy=1, waiting=-1)
        failed = rows[got, _C["outcome"]] > DEGRADED
        leave = _events(end[got], station[got], busy=-1, finished=1, failed=failed)
        self.pending = np.concatenate((self.pending, come, begin, leave))

    def come(self, visits: Ints) -> None:
        """Requests that have no row yet: replica, arrival, and begin (-1: it waits)."""
        station, arrive, begin = self.place[visits[:, 0]], visits[:, 1], visits[:, 2]
        queued = begin != arrive
        come = _events(arrive, station, busy=~queued, waiting=queued, arrived=1)
        self.pending = np.concatenate((self.pending, come))
        self.begun(visits[queued & (begin >= 0)])

    def begun(self, visits: Ints) -> None:
        """Some of those that waited have begun; columns as for `come`."""
        begin = _events(visits[:, 2], self.place[visits[:, 0]], busy=1, waiting=-1)
        self.pending = np.concatenate((self.pending, begin))

    def advance(self, times: list[int]) -> Ints:
        """Let time pass to each of `times` (ns, ascending) in turn.

        Returns READINGS at each of them: an array of shape [times, stations, readings].
        """
        size = len(self.numbers)
        due = self.pending[:, 0] <= times[-1]
        events = np.concatenate((self._firsts(), self.pending[due], self._marks(times)))
        self.pending = self.pending[~due]
        # At one instant: first what stood before, then the events, then the reading.
        rank = np.concatenate((np.full(size, -1), np.zeros(int(due.sum()), dtype=np.int64), np.ones(len(times) * size)))
        order = np.lexsort((rank, events[:, 0], events[:, 1]))
        events, marks = events[order], rank[order] > 0
        station = events[:, 1]
        starts = np.flatnonzero(np.concatenate(([True], station[1:] != station[:-1])))
        lengths = np.diff(np.append(starts, len(events)))
        passed = np.zeros(len(events), dtype=np.int64)
        passed[:-1] = events[1:, 0] - events[:-1, 0]
        passed[starts[1:] - 1] = 0
        busy = _running(events[:, 2], starts, lengths)
        waiting = _running(events[:, 3], starts, lengths)
        self.busy_time = _add(self.busy_time, station, busy, passed)
        self.wait_time = _add(self.wait_time, station, waiting, passed)
        columns = [
            _running(events[:, 4], starts, lengths), _running(events[:, 5], starts, lengths),
            _running(events[:, 6], starts, lengths), _before(busy * passed, starts, lengths, self.areas[:, 0]),
            _before(waiting * passed, starts, lengths, self.areas[:, 1]), busy, waiting,
        ]
        readings = np.stack([c[marks] for c in columns], axis=1).reshape(size, len(times), len(READINGS))
        last = readings[:, -1]
        self.totals, self.areas, self.levels = last[:, 0:3].copy(), last[:, 3:5].copy(), last[:, 5:7].copy()
        self.now = times[-1]
        return readings.transpose(1, 0, 2)

    def _firsts(self) -> Ints:
        """What each station stood at, as an event of its own."""
        first = np.zeros((len(self.numbers), 7), dtype=np.int64)
        first[:, 0], first[:, 1] = self.now, np.arange(len(self.numbers))
        first[:, 2:4], first[:, 4:7] = self.levels, self.totals
        return first

    def _marks(self, times: list[int]) -> Ints:
        """A moment to read at, for each station and time."""
        size = len(self.numbers)
        marks = np.zeros((size * len(times), 7), dtype=np.int64)
        marks[:, 0], marks[:, 1] = np.tile(times, size), np.repeat(np.arange(size), len(times))
        return marks


def _events(
    time: Ints, station: Ints, *, busy: Any = 0, waiting: Any = 0, arrived: Any = 0, finished: Any = 0, failed: Any = 0
) -> Ints:
    """Events as rows of `pending`."""
    events = np.zeros((len(time), 7), dtype=np.int64)
    for i, column in enumerate((time, station, busy, waiting, arrived, finished, failed)):
        events[:, i] = column
    return events


def _running(steps: Ints, starts: Ints, lengths: Ints) -> Ints:
    """The running sum within each station's events."""
    running = np.cumsum(steps)
    before = running[starts] - steps[starts]
    levels: Ints = running - np.repeat(before, lengths)
    return levels


def _before(steps: Ints, starts: Ints, lengths: Ints, base: Ints) -> Ints:
    """The sum of all earlier steps within each station's events, on top of `base`."""
    sums: Ints = _running(steps, starts, lengths) - steps + np.repeat(base, lengths)
    return sums


def _add(table: Ints, station: Ints, level: Ints, passed: Ints) -> Ints:
    """Add times to a table that grows with the highest level."""
    top = int(level.max(initial=0)) + 1
    if top > table.shape[1]:
        table = np.pad(table, ((0, 0), (0, max(top, 2 * table.shape[1]) - table.shape[1])))
    np.add.at(table.reshape(-1), station * table.shape[1] + level, passed)
    return table
