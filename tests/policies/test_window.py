"""Windows over the recent past: by count and by time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies.window import CountWindow, TimedWindow

S = 1_000_000_000


@pytest.mark.parametrize(("length", "width"), [(10 * S, S), (60 * S, S), (120 * S, S), (S, S // 10), (3, 1),
                                               (2_500_000_000, 250_000_000), (10_500_000_000, 10_500_000_000 // 11)])
def test_buckets_are_a_second_or_a_tenth_of_a_short_window(length: int, width: int) -> None:
    assert TimedWindow(length).width == width


@given(st.integers(1, 9), st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_count_window_holds_the_last_calls(length: int, calls: list[tuple[bool, bool]]) -> None:
    window = CountWindow(length)
    for i, (a, b) in enumerate(calls, 1):
        window.add(0, 1, int(a), int(b))
        last = calls[max(0, i - length) : i]
        assert (window.n, window.a, window.b) == (len(last), sum(a for a, _ in last), sum(b for _, b in last))
    window.clear()
    assert (window.n, window.a, window.b) == (0, 0, 0)


@given(st.sampled_from([10, 95, 1000]), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3)), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_time_window_holds_whole_buckets(length: int, steps: list[tuple[int, int]]) -> None:
    window, now, added = TimedWindow(length), 0, []
    for wait, n in steps:
        now += wait
        window.add(now, n, 2 * n, 0)
        added.append((now, n))
        expected = sum(n for at, n in added if at // window.width > now // window.width - 10)
        assert (window.n, window.a, window.b) == (expected, 2 * expected, 0)
        assert all(at > now - length for at, n in added if at // window.width > now // window.width - 10)
