"""The token bucket starts full, refills continuously and never drifts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies.bucket import TokenBucket

S = 1_000_000_000


@pytest.mark.parametrize("burst", [1, 5, 100])
def test_it_starts_full(burst: int) -> None:
    bucket = TokenBucket(10.0, burst)
    assert [bucket.take(0) for _ in range(burst + 2)] == [True] * burst + [False] * 2


@pytest.mark.parametrize(("rate", "gap"), [(10.0, S // 10), (1.0, S), (0.1, 10 * S), (100 / 60, 600_000_000)])
def test_a_token_is_there_exactly_when_it_is_due(rate: float, gap: int) -> None:
    bucket = TokenBucket(rate, 1)
    assert bucket.take(0)
    assert not bucket.take(gap - 1)
    assert bucket.take(gap)
    assert not bucket.take(2 * gap - 1)
    assert bucket.take(2 * gap)


def test_a_refused_request_takes_nothing_and_delays_nothing() -> None:
    bucket = TokenBucket(10.0, 1)
    bucket.take(0)
    assert not any(bucket.take(now) for now in range(0, S // 10, 1_000_003))
    assert bucket.take(S // 10)


@pytest.mark.parametrize("idle", [S, 60 * S, 10**15])
def test_it_never_holds_more_than_its_burst(idle: int) -> None:
    bucket = TokenBucket(10.0, 3)
    for _ in range(3):
        bucket.take(0)
    assert [bucket.take(idle) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("rate", [3.0, 7.0, 1 / 3, 0.1, 333.333])
def test_nothing_drifts_however_long_it_runs(rate: float) -> None:
    """Asked every 7.3 ms for an hour of time, it lets through the rate's share, to the token."""
    bucket, passed, step = TokenBucket(rate, 10), 0, 7_300_000
    last = 3600 * S // step
    for i in range(last + 1):
        passed += bucket.take(i * step)
    earned = Fraction(rate).limit_denominator(10**6) * last * step / S
    if rate * step < S:  # it could take every token it earned
        assert passed == int(10 + earned) or passed == last + 1
    else:
        assert passed == last + 1


@given(st.sampled_from([0.5, 10.0, 100 / 60, 1234.5]), st.integers(1, 5),
       st.lists(st.integers(0, 3 * S), max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_it_does_what_exact_fractions_do(rate: float, burst: int, waits: list[int]) -> None:
    bucket, now, last = TokenBucket(rate, burst), 0, 0
    level, exact = Fraction(burst), Fraction(rate).limit_denominator(10**6)
    for wait in waits:
        now += wait
        level = min(Fraction(burst), level + exact * (now - last) / S)
        last = now
        assert bucket.take(now) == (level >= 1)
        if level >= 1:
            level -= 1


def test_a_very_small_rate_still_refills() -> None:
    bucket = TokenBucket(1e-9, 1)
    assert bucket.take(0)
    assert not bucket.take(10**18 - 10**9)
    assert bucket.take(10**18 + 10**9)
