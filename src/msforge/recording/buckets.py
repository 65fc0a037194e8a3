"""Latency buckets: a duration's bucket is the top bits of its float64 form.

Seven mantissa bits split each octave in 128 buckets, so a bucket's middle is within 0.4 %
of every value in it. Bucket 0 holds the value 0. Values are integer nanoseconds below 2**62.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS: Final = 7
_SHIFT: Final = 52 - MANTISSA_BITS
_BASE: Final = (1023 << MANTISSA_BITS) - 1  # the bucket of 1 ns becomes 1
RELATIVE_ERROR: Final = 0.5 / (1 << MANTISSA_BITS)
BANDS: Final = 256


def bucket_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each value (ns, >= 0). 0 only for 0."""
    bits = values.astype(np.float64).view(np.int64) >> _SHIFT
    bucket: NDArray[np.int64] = np.maximum(bits - _BASE, 0)
    return bucket


def lower_bound(bucket: NDArray[np.int64]) -> NDArray[np.float64]:
    """The least value (ns) a bucket holds; bucket 0 gives 0."""
    bits = (np.asarray(bucket, dtype=np.int64) + _BASE) << _SHIFT
    low: NDArray[np.float64] = np.where(np.asarray(bucket) <= 0, 0.0, bits.view(np.float64))
    return low


def middle(bucket: NDArray[np.int64]) -> NDArray[np.float64]:
    """The middle (ns) of a bucket: at most RELATIVE_ERROR off any value in it."""
    b = np.asarray(bucket, dtype=np.int64)
    mid: NDArray[np.float64] = np.where(b <= 0, 0.0, (lower_bound(b) + lower_bound(b + 1)) / 2)
    return mid


def band_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """A coarser band, four to an octave: 0 .. BANDS - 1."""
    band: NDArray[np.int64] = np.minimum((bucket_of(values) + 31) >> 5, BANDS - 1)
    return band
