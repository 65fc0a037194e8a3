"""Gauges from rows, against looking at every single nanosecond."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.recording.gauges import READINGS, StationGauges
from msforge.records import SERVED_COLUMNS

NUMBERS = [4, 1, 6]  # run-wide numbers of the stations
Visit = tuple[int, int, int, int]  # replica, arrive, wait (-1: refused), work

VISITS = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.integers(1, 40), st.integers(-1, 6), st.integers(0, 9)), max_size=15)
TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=6).map(sorted)


def rows_of(visits: list[Visit]) -> np.ndarray:
    rows = np.zeros((len(visits), len(SERVED_COLUMNS)), dtype=np.int64)
    for row, (replica, arrive, wait, work) in zip(rows, visits, strict=True):
        row[SERVED_COLUMNS.index("replica")] = replica
        row[SERVED_COLUMNS.index("arrive")] = arrive
        row[SERVED_COLUMNS.index("wait")] = wait
        row[SERVED_COLUMNS.index("end")] = arrive if wait < 0 else arrive + wait + work
    return rows


def standing(visits: list[Visit], replica: int, time: int) -> tuple[int, int]:
    """Busy threads and waiting requests of a station just after the events of `time`."""
    mine = [(arrive, arrive + wait, arrive + wait + work) for r, arrive, wait, work in visits
            if r == replica and wait >= 0]
    return sum(b <= time < e for _, b, e in mine), sum(a <= time < b for a, b, _ in mine)


def reading(visits: list[Visit], replica: int, time: int) -> list[int]:
    mine = [v for v in visits if v[0] == replica]
    refused = sum(wait < 0 and arrive <= time for _, arrive, wait, _ in mine)
    done = sum(wait >= 0 and arrive + wait + work <= time for _, arrive, wait, work in mine)
    past = [standing(visits, replica, t) for t in range(time)]
    seen = dict(zip(("busy", "waiting"), standing(visits, replica, time), strict=True)) | {
        "arrived": sum(arrive <= time for _, arrive, _, _ in mine), "finished": done + refused, "failed": refused,
        "busy_area": sum(b for b, _ in past), "wait_area": sum(w for _, w in past),
    }
    return [seen[name] for name in READINGS]


def stood(values: list[int], width: int) -> list[int]:
    """How often each value comes up."""
    return [values.count(k) for k in range(width)]


@settings(max_examples=150, deadline=None)
@given(VISITS, TIMES, st.integers(1, 3))
def test_readings_are_those_of_every_nanosecond(visits: list[Visit], times: list[int], at_once: int) -> None:
    gauges = StationGauges(NUMBERS)
    told = -1  # rows are told before their arrival, as the simulator does
    for i in range(0, len(times), at_once):
        moments = times[i : i + at_once]
        gauges.add(rows_of([v for v in visits if told < v[1] <= moments[-1]]))
        told = max(told, moments[-1])
        expected = [[reading(visits, n, time) for n in NUMBERS] for time in moments]
        assert gauges.advance(moments).tolist() == expected
    for i, number in enumerate(NUMBERS):
        past = [standing(visits, number, t) for t in range(times[-1])]
        assert gauges.busy_time[i].tolist() == stood([b for b, _ in past], gauges.busy_time.shape[1])
        assert gauges.wait_time[i].tolist() == stood([w for _, w in past], gauges.wait_time.shape[1])


def test_the_tables_grow_with_the_highest_level() -> None:
    gauges = StationGauges([0])
    gauges.add(rows_of([(0, 10, 0, 5)] * 20 + [(0, 10, 5, 1)] * 9))
    gauges.advance([100])
    assert gauges.busy_time[0, 20] == 5 and gauges.wait_time[0, 9] == 5
    assert gauges.busy_time[0].sum() == gauges.wait_time[0].sum() == 100


def test_rows_may_lie_in_the_future() -> None:
    gauges = StationGauges([0])
    gauges.add(rows_of([(0, 50, 10, 20)]))
    assert gauges.advance([20])[0, 0].tolist() == [0, 0, 0, 0, 0, 0, 0]
    assert dict(zip(READINGS, gauges.advance([55])[0, 0].tolist(), strict=True)) == {
        "arrived": 1, "finished": 0, "failed": 0, "busy_area": 0, "wait_area": 5, "busy": 0, "waiting": 1}
    assert dict(zip(READINGS, gauges.advance([90])[0, 0].tolist(), strict=True)) == {
        "arrived": 1, "finished": 1, "failed": 0, "busy_area": 20, "wait_area": 10, "busy": 0, "waiting": 0}
