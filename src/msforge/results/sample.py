"""Samples of latencies, kept row by row or in buckets, that know which slice each value came from."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from msforge.results.figures import Measured
from msforge.results.statistics import rank, share, spread

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Sample:
    """What percentiles are read from. `sizes` holds the number of values per slice, `n` their sum."""

    exact = False

    def __init__(self, sizes: Ints) -> None:
        self.sizes = sizes
        self.n = int(sizes.sum())

    def kth(self, k: int) -> float:
        """The k-th smallest value of all slices together, from 1."""
        raise NotImplementedError

    def slice_kth(self, piece: int, k: int) -> float:
        """The k-th smallest value of one slice, from 1."""
        raise NotImplementedError

    def at_most(self, value: float) -> Ints:
        """Per slice, how many values are <= `value`."""
        raise NotImplementedError

    def quantile(self, ten_thousandths: int) -> float | None:
        """The pooled percentile: the ceil(p n)-th smallest value; None for an empty sample."""
        return self.kth(rank(self.n, ten_thousandths)) if self.n else None

    def slice_quantile(self, piece: int, ten_thousandths: int) -> float | None:
        """The same percentile of one slice alone."""
        n = int(self.sizes[piece])
        return self.slice_kth(piece, rank(n, ten_thousandths)) if n else None

    def above(self, limit: float, *, batches: bool) -> Measured:
        """Share of values greater than `limit`, with its interval."""
        sizes = self.sizes.astype(float)
        return share(sizes - self.at_most(limit), sizes, batches=batches)

    def percentile(self, ten_thousandths: int, *, batches: bool) -> Measured:
        """The pooled percentile q with an interval that needs no density.

        The slices' shares of values <= q give an interval p ± h, dependence within a slice included (and never
        narrower than the binomial one that independent values would have); read back
        through the pooled values it is [Q(p - h), Q(p + h)]. There is none when p + h reaches 1: then too few
        values lie beyond q to bound it.
        """
        q = self.quantile(ten_thousandths)
        if q is None:
            return Measured(None)
        half = spread(self.at_most(q).astype(float), self.sizes.astype(float), batches=batches)
        p = ten_thousandths / 10_000
        if half is not None:
            half = max(half, 1.96 * math.sqrt(p * (1.0 - p) / self.n))
        if half is None or (half > 0.0 and math.ceil((p + half) * self.n) >= self.n):
            return Measured(q)
        low = self.kth(max(1, math.floor((p - half) * self.n)))
        high = self.kth(min(self.n, max(1, math.ceil((p + half) * self.n))))
        return Measured(q, min(low, q), max(high, q))


class Rows(Sample):
    """Every value kept: percentiles are exact."""

    exact = True

    def __init__(self, pieces: list[Ints]) -> None:
        super().__init__(np.array([len(piece) for piece in pieces], dtype=np.int64))
        self.pieces = [np.sort(piece) for piece in pieces]
        self.pooled = np.sort(np.concatenate(self.pieces)) if pieces else np.zeros(0, dtype=np.int64)

    def kth(self, k: int) -> float:
        return float(self.pooled[k - 1])

    def slice_kth(self, piece: int, k: int) -> float:
        return float(self.pieces[piece][k - 1])

    def at_most(self, value: float) -> Ints:
        counts = [int(np.searchsorted(piece, value, side="right")) for piece in self.pieces]
        return np.array(counts, dtype=np.int64)


class Buckets(Sample):
    """Counts per bucket: `values` ascending [n] stand for the buckets, `counts` is [slices, n]."""

    def __init__(self, values: Floats, counts: Ints) -> None:
        super().__init__(counts.sum(axis=1))
        self.values = values
        self.cumulative = np.cumsum(counts, axis=1)
        self.pooled = self.cumulative.sum(axis=0)

    def kth(self, k: int) -> float:
        return float(self.values[int(np.searchsorted(self.pooled, k))])

    def slice_kth(self, piece: int, k: int) -> float:
        return float(self.values[int(np.searchsorted(self.cumulative[piece], k))])

    def at_most(self, value: float) -> Ints:
        at = int(np.searchsorted(self.values, value, side="right"))
        found: Ints = self.cumulative[:, at - 1] if at else np.zeros(len(self.sizes), dtype=np.int64)
        return found
