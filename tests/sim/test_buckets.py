"""Latency buckets hold the relative error they promise."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.recording.buckets import BANDS, RELATIVE_ERROR, band_of, bucket_of, lower_bound, middle

DURATIONS = st.integers(0, 2**62 - 1) | st.integers(0, 5_000) | st.integers(0, 61).map(lambda k: 1 << k)


def one(value: int) -> np.ndarray:
    return np.array([value], dtype=np.int64)


@settings(deadline=None)
@given(DURATIONS)
def test_a_value_lies_in_its_bucket(value: int) -> None:
    bucket = bucket_of(one(value))
    assert lower_bound(bucket)[0] <= float(value) < lower_bound(bucket + 1)[0]


@settings(deadline=None)
@given(DURATIONS)
def test_the_middle_is_within_the_relative_error(value: int) -> None:
    assert abs(middle(bucket_of(one(value)))[0] - float(value)) <= RELATIVE_ERROR * value


@settings(deadline=None)
@given(DURATIONS, DURATIONS)
def test_buckets_and_bands_keep_the_order(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert bucket_of(one(low))[0] <= bucket_of(one(high))[0]
    assert band_of(one(low))[0] <= band_of(one(high))[0] < BANDS


def test_only_zero_is_in_bucket_zero() -> None:
    assert bucket_of(np.array([0, 1, 2])).tolist() == [0, 1, 129]
    assert band_of(np.array([0, 1, 2])).tolist() == [0, 1, 5]
    assert lower_bound(np.array([0, 1, 129])).tolist() == [0.0, 1.0, 2.0]
    assert middle(np.array([0]))[0] == 0.0


@settings(deadline=None)
@given(st.integers(1, 2**61 - 1))
def test_an_octave_has_four_bands(value: int) -> None:
    assert band_of(one(2 * value))[0] == band_of(one(value))[0] + 4


def test_a_bucket_begins_at_the_least_value_that_falls_in_it() -> None:
    first = 60 * 128 + 1  # from 2**60 ns on, where neighbouring whole numbers still differ as floats of 2**8
    buckets = np.arange(first, first + 128)
    starts = lower_bound(buckets).astype(np.int64)
    assert bucket_of(starts).tolist() == buckets.tolist()
    assert bucket_of(starts - 256).tolist() == (buckets - 1).tolist()
