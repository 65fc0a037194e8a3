"""Backoff: growth, cap and the four jitters of AWS's "Exponential Backoff and Jitter"."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies.backoff import JITTERS, LONGEST, delay

MS = 1_000_000


@pytest.mark.parametrize(("number", "expected"), [(1, 50), (2, 100), (3, 200), (4, 400), (5, 800)])
def test_without_jitter_it_grows_by_the_factor(number: int, expected: int) -> None:
    assert delay(number, 50 * MS, 2.0, -1, "none", 0.3, 0) == expected * MS


@pytest.mark.parametrize(("factor", "number", "expected"), [(1.0, 9, 50), (1.5, 3, 112.5), (3.0, 3, 450), (0.5, 2, 25)])
def test_any_factor(factor: float, number: int, expected: float) -> None:
    assert delay(number, 50 * MS, factor, -1, "none", 0.3, 0) == round(expected * MS)


@pytest.mark.parametrize(("number", "expected"), [(2, 100), (3, 120), (4, 120), (10**6, 120)])
def test_it_is_cut_at_max_backoff(number: int, expected: int) -> None:
    assert delay(number, 50 * MS, 2.0, 120 * MS, "none", 0.3, 0) == expected * MS


@pytest.mark.parametrize(("u", "full", "equal"), [(0.0, 0, 100), (0.25, 50, 125), (0.5, 100, 150), (1.0, 200, 200)])
def test_full_spreads_over_all_equal_over_the_upper_half(u: float, full: int, equal: int) -> None:
    assert delay(3, 50 * MS, 2.0, -1, "full", u, 0) == full * MS
    assert delay(3, 50 * MS, 2.0, -1, "equal", u, 0) == equal * MS


def test_jitter_is_drawn_below_the_cap_not_cut_by_it() -> None:
    assert delay(20, 50 * MS, 2.0, 120 * MS, "full", 0.5, 0) == 60 * MS
    assert delay(20, 50 * MS, 2.0, 120 * MS, "equal", 0.5, 0) == 90 * MS


@pytest.mark.parametrize(("u", "previous", "expected"), [(0.0, 0, 50), (1.0, 0, 150), (0.5, 0, 100), (0.5, 100, 175),
                                                         (1.0, 100, 300), (0.5, 10, 50)])
def test_decorrelated_draws_between_backoff_and_three_times_the_last(u: float, previous: int, expected: int) -> None:
    assert delay(2, 50 * MS, 2.0, -1, "decorrelated", u, previous * MS) == expected * MS


def test_decorrelated_is_cut_at_max_backoff() -> None:
    assert delay(2, 50 * MS, 2.0, 120 * MS, "decorrelated", 0.9, 100 * MS) == 120 * MS


@pytest.mark.parametrize("jitter", JITTERS)
def test_no_backoff_is_no_delay(jitter: str) -> None:
    assert delay(7, 0, 2.0, -1, jitter, 0.7, 0) == 0
    assert delay(7, 50 * MS, 2.0, 0, jitter, 0.7, 0) == 0


def test_an_unknown_jitter_is_refused() -> None:
    with pytest.raises(ValueError, match="there are none, full, equal, decorrelated"):
        delay(1, 1, 2.0, -1, "some", 0.5, 0)


@given(st.integers(1, 10**9), st.integers(0, 10**15), st.floats(0, 1000), st.integers(-1, 10**12),
       st.sampled_from(JITTERS), st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(0, 2**62))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_it_is_always_a_whole_number_within_its_limits(
    number: int, backoff: int, factor: float, most: int, jitter: str, u: float, previous: int
) -> None:
    ns = delay(number, backoff, factor, most, jitter, u, previous)
    assert type(ns) is int
    assert 0 <= ns <= (LONGEST if most < 0 else most)
