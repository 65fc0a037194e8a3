"""A distribution of the language for what was measured: the simplest that fits, or else the quantiles themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, pstdev
from typing import Final

from msforge.policies import fits
from msforge.policies.distributions import Dist
from msforge.policies.elementary import exp, log, normal_quantile
from msforge.units import format_duration

FEW: Final = 20
SAME: Final = 0.02  # a spread below this share of the median is none
MISFIT: Final = 1.63  # times 1 / sqrt(n): Kolmogorov and Smirnov's critical distance at 1 %
TOLERATED: Final = 0.03  # a distance that does not matter, however many there are
OFF: Final = 0.05  # how far a fitted mean may be off, whatever chance allows
QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
INSTANT: Final = 1_000  # ns: what is shorter took no time


def fit(samples: Sequence[int]) -> str:
    """The text of a distribution for durations (ns, at least one): constant, exponential, lognormal, or a mixture.

    Zeros are told from the rest when both are there.
    """
    ordered = sorted(samples)
    zeros = sum(value < INSTANT for value in ordered)
    rest = ordered[zeros:]
    if not rest:
        return "0s"
    share = zeros / len(ordered)
    if share < 0.01:
        return _positive(rest)
    percent = min(max(round(100 * share), 1), 99)
    return f"mixture({percent}% 0s {100 - percent}% {_positive(rest)})"


def _positive(ordered: Sequence[int]) -> str:
    n = len(ordered)
    middle = ordered[n // 2]
    if ordered[int(0.95 * (n - 1))] - ordered[int(0.05 * (n - 1))] <= SAME * middle and ordered[-1] < 2 * middle:
        return short(fmean(ordered))
    mean = fmean(ordered)
    if n < FEW:
        return short(mean) if pstdev(ordered) < 0.3 * mean else f"exponential({short(mean)})"
    logs = [log(float(value)) for value in ordered]
    centre, spread = fmean(logs), pstdev(logs)
    median, p99 = exp(centre), exp(centre + normal_quantile(0.99) * spread)
    allowed = max(MISFIT / sqrt(n), TOLERATED)
    if _distance(Dist("exponential", (mean,)), ordered) <= allowed:
        return f"exponential({short(mean)})"
    lognormal = fits.lognormal_median_p99(median, p99)
    near = max(OFF * mean, 3 * pstdev(ordered) / sqrt(n))
    if abs(lognormal.mean - mean) <= near and _distance(lognormal, ordered) <= allowed:
        return f"lognormal(median={short(median)} p99={short(p99)})"
    return _quantiles(ordered)


def _distance(dist: Dist, ordered: Sequence[int]) -> float:
    """The largest difference between the distribution function and the measured one, at 200 places at most."""
    n = len(ordered)
    step = max(1, n // 200)
    return max(abs(dist.cdf(float(ordered[i])) - (i + 0.5) / n) for i in range(0, n, step))


def _quantiles(ordered: Sequence[int]) -> str:
    """Uniform between measured quantiles, each piece with its share."""
    n = len(ordered)
    pieces: dict[str, int] = {}
    for low, high in pairwise(QUANTILES):
        a, b = (short(ordered[min(n - 1, round(q * (n - 1)))]) for q in (low, high))
        text = f"uniform({a} {b})" if a != b else a
        pieces[text] = pieces.get(text, 0) + round(100 * (high - low))
    if len(pieces) == 1:
        return next(iter(pieces))
    return f"mixture({' '.join(f'{percent}% {text}' for text, percent in pieces.items())})"


def short(duration: float) -> str:
    """A duration in three digits: `1.23ms`."""
    whole = max(0, round(duration))
    digits = len(str(whole))
    rounded = round(whole, -(digits - 3)) if digits > 3 else whole
    return format_duration(rounded)
