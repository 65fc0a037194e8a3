"""Estimates and intervals: against tables, closed forms and repeated experiments."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.recording import buckets
from msforge.results.sample import Buckets, Rows
from msforge.results.statistics import batch_count, critical, incomplete_beta, rank, ratio, spread, t_cdf, t_quantile


@pytest.mark.parametrize(
    ("p", "freedom", "tabulated"),
    [
        (0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 4, 2.7764), (0.975, 9, 2.2622), (0.975, 19, 2.0930),
        (0.975, 29, 2.0452), (0.975, 120, 1.9799), (0.95, 5, 2.01505), (0.995, 10, 3.1693), (0.75, 3, 0.7649),
        (0.9995, 1, 636.619), (0.025, 4, -2.7764),
    ],
)
def test_t_quantiles_are_those_of_the_tables(p: float, freedom: int, tabulated: float) -> None:
    assert t_quantile(p, freedom) == pytest.approx(tabulated, rel=2e-5)


@given(st.floats(0.001, 0.999), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_the_t_quantile_inverts_the_distribution(p: float, freedom: int) -> None:
    assert t_cdf(t_quantile(p, freedom), freedom) == pytest.approx(p, abs=1e-10)


def test_the_median_of_t_is_zero_and_it_nears_the_normal() -> None:
    assert t_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-12)
    assert t_quantile(0.975, 100_000) == pytest.approx(1.959964, abs=5e-5)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.5])
def test_no_quantile_outside_the_open_unit_interval(p: float) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(p, 3)


@pytest.mark.parametrize(
    ("a", "b", "x", "value"),
    [(1, 1, 0.3, 0.3), (2, 1, 0.5, 0.25), (1, 3, 0.5, 0.875), (2, 2, 0.5, 0.5), (0.5, 0.5, 0.25, 1 / 3)],
)
def test_the_incomplete_beta_function_in_closed_form(a: float, b: float, x: float, value: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(value, rel=1e-12)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.sampled_from([5000, 7500, 9500, 9900, 9990]))
def test_a_percentile_is_the_order_statistic_of_rank_p_n_rounded_up(values: list[int], p: int) -> None:
    k = math.ceil(p * len(values) / 10_000 - 1e-9)
    assert rank(len(values), p) == k
    assert Rows([np.array(values)]).quantile(p) == sorted(values)[k - 1]


def test_ranks_are_exact_where_floating_point_is_not() -> None:
    assert 0.95 * 20 == 19.0 and rank(20, 9500) == 19
    assert math.ceil(0.07 * 100) == 8 and rank(100, 700) == 7


@given(st.lists(st.lists(st.integers(0, 10**10), max_size=40), min_size=1, max_size=6), st.randoms())
def test_the_order_of_replications_does_not_matter(pieces: list[list[int]], shuffler: random.Random) -> None:
    arrays = [np.array(piece, dtype=np.int64) for piece in pieces]
    shuffled = list(arrays)
    shuffler.shuffle(shuffled)
    for p in (5000, 9000, 9990):
        one, other = (Rows(order).percentile(p, batches=False) for order in (arrays, shuffled))
        assert one.value == other.value
        assert (one.low, one.high) == (other.low, other.high)


@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=200), st.sampled_from([5000, 9000, 9900]))
def test_a_bucketed_percentile_is_within_its_stated_error_of_the_exact_one(values: list[int], p: int) -> None:
    array = np.array(values)
    which, counts = np.unique(buckets.bucket_of(array), return_counts=True)
    sample = Buckets(buckets.middle(which), counts.reshape(1, -1))
    exact = Rows([array]).quantile(p)
    assert exact is not None
    assert sample.quantile(p) == pytest.approx(exact, rel=buckets.RELATIVE_ERROR * 1.001)


def test_with_equal_weights_the_interval_is_the_plain_t_interval() -> None:
    values = np.array([10.0, 12.0, 11.0, 14.0, 13.0])
    half = spread(values, np.ones(5), batches=False)
    assert half == pytest.approx(2.776445 * values.std(ddof=1) / math.sqrt(5), rel=1e-6)
    found = ratio(values, np.ones(5), batches=False)
    assert (found.value, found.low, found.high) == pytest.approx((12.0, 12.0 - half, 12.0 + half))
    assert found.half_width == pytest.approx(half)


def test_a_ratio_weighs_slices_by_their_size() -> None:
    found = ratio(np.array([10.0, 300.0]), np.array([1.0, 10.0]), batches=False)
    assert found.value == pytest.approx(310 / 11)


def test_no_interval_from_one_slice_and_no_value_from_none() -> None:
    assert ratio(np.array([3.0]), np.array([2.0]), batches=False).low is None
    assert ratio(np.array([0.0, 0.0]), np.array([0.0, 0.0]), batches=False).value is None
    assert spread(np.array([1.0, 0.0]), np.array([1.0, 0.0]), batches=False) is None


def test_the_number_of_batches_follows_the_length_of_the_run() -> None:
    assert [batch_count(n) for n in (0, 9, 10, 19, 20, 3600)] == [0, 0, 10, 10, 20, 20]


def test_intervals_over_independent_replications_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    draws = rng.exponential(10.0, size=(1500, 8, 60)).mean(axis=2)
    halves = [spread(row, np.ones(8), batches=False) for row in draws]
    covered = [abs(float(row.mean()) - 10.0) <= (half or 0.0) for row, half in zip(draws, halves, strict=True)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_batch_means_cover_a_correlated_run() -> None:
    """An AR(1) process (phi = 0.9) of 2,000 steps in 20 batches; with independence assumed coverage is near 35 %."""
    rng = np.random.default_rng(11)
    covered, naive = [], []
    for _ in range(400):
        noise = rng.normal(size=2200)
        x = np.zeros(2200)
        for t in range(1, 2200):
            x[t] = 0.9 * x[t - 1] + noise[t]
        x = x[200:]
        half = spread(x.reshape(20, 100).sum(axis=1), np.full(20, 100.0), batches=True)
        covered.append(abs(float(x.mean())) <= (half or 0.0))
        naive.append(abs(float(x.mean())) <= 1.96 * x.std(ddof=1) / math.sqrt(len(x)))
    assert np.mean(covered) >= 0.90
    assert np.mean(naive) <= 0.5


def test_correlated_batches_are_merged_and_widen_the_interval() -> None:
    drift = np.repeat([1.0, 1.5, 1.2, 3.0, 2.0, 1.0, 3.0, 2.5, 2.0, 1.1], 2)
    alone = spread(drift, np.ones(20), batches=False)
    merged = spread(drift, np.ones(20), batches=True)
    assert alone is not None and merged is not None and merged > 1.3 * alone
    pairs = drift.reshape(-1, 2).sum(axis=1) / 2
    assert merged == pytest.approx(critical(10) * pairs.std(ddof=1) / math.sqrt(10))


def test_percentile_intervals_cover_over_batches_of_independent_values() -> None:
    rng = np.random.default_rng(3)
    truth = -math.log(0.05) * 1e9
    covered = 0
    for _ in range(300):
        sample = Rows([np.sort(rng.exponential(1e9, size=150).astype(np.int64)) for _ in range(20)])
        found = sample.percentile(9500, batches=True)
        assert found.low is not None and found.high is not None
        covered += found.low <= truth <= found.high
    assert covered / 300 >= 0.92


def test_a_percentile_with_too_little_beyond_it_gets_no_interval() -> None:
    sample = Rows([np.arange(100), np.arange(100)])
    assert sample.percentile(5000, batches=False).low is not None
    assert sample.percentile(9990, batches=False).low is None


def test_the_share_above_a_limit_counts_strictly_greater_values() -> None:
    sample = Rows([np.array([1, 2, 3, 4]), np.array([2, 2, 9, 9])])
    assert sample.above(2, batches=False).value == pytest.approx(4 / 8)
    assert sample.above(100, batches=False).value == 0.0
    assert Rows([np.array([], dtype=np.int64)]).above(5, batches=False).value is None
