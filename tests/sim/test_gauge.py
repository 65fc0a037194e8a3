"""A gauge knows how long it stood at each value."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.sim.gauge import Gauge

STEPS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from((1, 1, -1))), max_size=30)


@settings(deadline=None)
@given(st.integers(0, 50), STEPS, st.integers(0, 20))
def test_times_are_those_of_every_nanosecond(start: int, steps: list[tuple[int, int]], rest: int) -> None:
    gauge, now, value = Gauge(start), start, 0
    stood: list[int] = []
    for gap, step in steps:
        stood += [value] * gap
        now += gap
        if step > 0:
            gauge.up(now)
            value += 1
        elif value:
            gauge.down(now)
            value -= 1
    stood += [value] * rest
    now += rest
    assert gauge.value == value
    times = gauge.read(now)
    assert times == [stood.count(k) for k in range(len(times))]
    assert sum(times) == now - start
    assert gauge.area(now) == sum(stood)


def test_reading_twice_changes_nothing() -> None:
    gauge = Gauge(0)
    gauge.up(10)
    assert list(gauge.read(15)) == list(gauge.read(15)) == [10, 5]
    assert gauge.area(20) == 10
