"""Distributions from what people know of them: a mean or median with a percentile or spread.

All are about the variable itself, never its logarithm. Logarithms are `elementary`'s, so the
same text gives the same parameters on every platform. Each raises ValueError when nothing fits.
"""

from __future__ import annotations

from math import sqrt

from msforge.policies.distributions import Dist
from msforge.policies.elementary import exp, log, normal_quantile


def lognormal_mean_percentile(mean: float, value: float, p: float = 0.99) -> Dist:
    """The lognormal with this mean and `value` as its quantile p; of the two that fit, the narrower.

    With z the standard normal's quantile, sigma solves sigma**2 / 2 - z sigma + ln(value / mean) = 0.
    Above a ratio of exp(z**2 / 2), 14.97 for p99, there is no solution.
    """
    _positive("mean", mean)
    if value < mean:
        raise ValueError(f"the percentile {value:g} is below the mean {mean:g}")
    z = normal_quantile(p)
    ratio = log(value / mean)
    under = z * z - 2.0 * ratio
    if under < 0:
        raise ValueError(
            f"no lognormal has its {p * 100:g}th percentile at {value / mean:.4g} times its mean: "
            f"the most is {exp(z * z / 2.0):.4g}"
        )
    sigma = z - sqrt(under)
    return Dist("lognormal", (log(mean) - sigma * sigma / 2.0, sigma))


def lognormal_median_percentile(median: float, value: float, p: float = 0.99) -> Dist:
    """The lognormal with this median and `value` as its quantile p: sigma = ln(value / median) / z."""
    _positive("median", median)
    if value < median:
        raise ValueError(f"the percentile {value:g} is below the median {median:g}")
    return Dist("lognormal", (log(median), log(value / median) / normal_quantile(p)))


def lognormal_mean_p99(mean: float, p99: float) -> Dist:
    """The narrower lognormal with this mean and 99th percentile."""
    return lognormal_mean_percentile(mean, p99)


def lognormal_median_p99(median: float, p99: float) -> Dist:
    """The lognormal with this median and 99th percentile."""
    return lognormal_median_percentile(median, p99)


def lognormal_mean_cv(mean: float, cv: float) -> Dist:
    """The lognormal with this mean and coefficient of variation: sigma**2 = ln(1 + cv**2)."""
    _positive("mean", mean)
    square = log(1.0 + cv * cv)
    return Dist("lognormal", (log(mean) - square / 2.0, sqrt(square)))


def lognormal_median_cv(median: float, cv: float) -> Dist:
    """The lognormal with this median and coefficient of variation."""
    _positive("median", median)
    return Dist("lognormal", (log(median), sqrt(log(1.0 + cv * cv))))


def gamma_mean_cv(mean: float, cv: float) -> Dist:
    """The gamma with this mean and coefficient of variation: shape 1 / cv**2; a constant when cv is 0."""
    _positive("mean", mean)
    square = cv * cv
    return Dist("gamma", (1.0 / square, mean * square)) if square else Dist("constant", (mean,))


def hyperexponential_mean_cv(mean: float, cv: float) -> Dist:
    """Two exponential phases with balanced means, p1 m1 = p2 m2, and cv >= 1 (H. C. Tijms, "Stochastic Models", 1994).

    p1 = (1 + sqrt((cv**2 - 1) / (cv**2 + 1))) / 2, m1 = mean / (2 p1), m2 = mean / (2 p2).
    """
    _positive("mean", mean)
    square = cv * cv
    if square < 1:
        raise ValueError(f"a hyperexponential's cv is at least 1, not {cv:g}")
    first = (1.0 + sqrt((square - 1.0) / (square + 1.0))) / 2.0
    if first >= 1.0:
        raise ValueError(f"a cv of {cv:g} is too large for two phases")
    return Dist("hyperexponential", (first, mean / (2.0 * first), 1.0 - first, mean / (2.0 * (1.0 - first))))


def _positive(what: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"the {what} must be above 0, not {value:g}")
