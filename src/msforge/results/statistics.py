"""Estimates and their 95 % intervals.

Every figure is a ratio of two sums over *slices*: replications, or batches of a single run.
One rule then serves all: the pooled ratio is the estimate, the slices' residuals give its
standard error, Student's t its interval.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msforge.results.figures import Measured

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
BATCHES = 20
"""Batches of a single run. Schmeiser (1982): between 10 and 30; more hardly narrows the interval."""
FEWEST_BATCHES = 10
PERCENTILES = {"p50": 5000, "p75": 7500, "p90": 9000, "p95": 9500, "p99": 9900, "p999": 9990}
"""Percentiles of every table, in ten-thousandths so that ranks are exact integers."""


def dot(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The inner product, the same to the last bit on every processor: a BLAS adds up as its vectors are wide."""
    return float((a * b).sum())


def rank(n: int, ten_thousandths: int) -> int:
    """The order statistic that is the percentile of `n` values: ceil(p n), counting from 1."""
    return max(1, -(-n * ten_thousandths // 10_000))


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's algorithm."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + term / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 <= x <= 1 (DLMF 8.17)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(b, a, 1.0 - x) / b


def t_cdf(t: float, freedom: float) -> float:
    """P(T <= t) of Student's t with `freedom` degrees (Abramowitz and Stegun 26.7.1)."""
    tail = 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
    return 1.0 - tail if t >= 0 else tail


@cache
def t_quantile(p: float, freedom: int) -> float:
    """The `p` quantile of Student's t, 0 < p < 1, by bisection on its distribution function."""
    if not 0.0 < p < 1.0 or freedom < 1:
        raise ValueError(f"no t quantile for p = {p} with {freedom} degrees of freedom")
    if p < 0.5:
        return -t_quantile(1.0 - p, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < p:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, freedom) < p else (low, middle)
    return (low + high) / 2.0


def critical(n: int) -> float:
    """Student's t for a two-sided 95 % interval over `n` independent values."""
    return t_quantile(0.5 + CONFIDENCE / 2.0, n - 1)


def spread(numerators: Floats, denominators: Floats, *, batches: bool) -> float | None:
    """Half the 95 % interval of sum(numerators) / sum(denominators) over slices; None when there are too few.

    The ratio estimator (Cochran, Sampling Techniques, 6.4): residuals d = numerator - R denominator,
    half-width t s_d / (mean denominator sqrt k). With equal denominators it is the plain t interval. Neighbouring
    batches that are correlated would make it too narrow: then pairs of batches are merged.
    """
    k = len(numerators)
    whole = float(denominators.sum())
    if k < 2 or whole <= 0.0 or np.count_nonzero(denominators) < 2:
        return None
    residuals = numerators - (float(numerators.sum()) / whole) * denominators
    if batches and k >= 2 * FEWEST_BATCHES and _correlated(residuals):
        even = k - k % 2
        residuals = residuals[:even].reshape(-1, 2).sum(axis=1)
        whole, k = float(denominators[:even].sum()), even // 2
    deviation = math.sqrt(dot(residuals, residuals) / (k - 1))
    return critical(k) * deviation * math.sqrt(k) / whole


def _correlated(residuals: Floats) -> bool:
    """True when the lag-1 autocorrelation is significantly positive (one-sided, 5 %)."""
    square = dot(residuals, residuals)
    if square <= 0.0:
        return False
    return dot(residuals[:-1], residuals[1:]) / square > 1.645 / math.sqrt(len(residuals))


def ratio(numerators: Floats, denominators: Floats, *, batches: bool) -> Measured:
    """sum(numerators) / sum(denominators) with its interval; no value when the denominators sum to 0."""
    whole = float(denominators.sum())
    if whole <= 0.0:
        return Measured(None)
    value = float(numerators.sum()) / whole
    half = spread(numerators, denominators, batches=batches)
    return Measured(value) if half is None else Measured(value, value - half, value + half)


def share(numerators: Floats, denominators: Floats, *, batches: bool) -> Measured:
    """As `ratio`, for a share: the interval stays within 0..1."""
    found = ratio(numerators, denominators, batches=batches)
    if found.low is not None and found.high is not None:
        found.low, found.high = max(found.low, 0.0), min(found.high, 1.0)
    return found


def batch_count(windows: int) -> int:
    """How many batches a single run of `windows` buckets is cut into; 0 when it is too short."""
    return BATCHES if windows >= BATCHES else FEWEST_BATCHES if windows >= FEWEST_BATCHES else 0
