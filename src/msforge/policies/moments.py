"""Means, variances, distribution functions and quantiles of every kind, from the textbook formulas."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import erfc, exp, expm1, fsum, inf, isinf, lgamma, log, log1p, pi, sqrt
from typing import TYPE_CHECKING, Final

from msforge.policies.elementary import normal_quantile

if TYPE_CHECKING:
    from msforge.policies.distributions import Dist


def mean(dist: Dist) -> float:
    """The expectation; `inf` where it diverges."""
    return _MEANS[dist.kind](dist)


def variance(dist: Dist) -> float:
    """The variance; `inf` where it diverges."""
    if is_constant(dist):
        return 0.0
    own = _VARIANCES.get(dist.kind)
    if own is not None:
        return own(dist)
    second, first = second_moment(dist), mean(dist)
    return inf if isinf(second) else max(second - first * first, 0.0)


def second_moment(dist: Dist) -> float:
    """The expectation of the square; `inf` where it diverges."""
    own = _SECONDS.get(dist.kind)
    if own is not None:
        return own(dist)
    first = mean(dist)
    return variance(dist) + first * first


def is_constant(dist: Dist) -> bool:
    """Whether every draw gives the same value."""
    p = dist.params
    match dist.kind:
        case "constant":
            return True
        case "exponential":
            return p[0] == 0
        case "uniform" | "empirical":
            return p[0] == p[-1]
        case "normal" | "lognormal":
            return p[1] == 0
        case "gamma" | "erlang":
            return p[1] == 0
        case "pareto" | "weibull":
            return p[0] == 0
        case "hyperexponential":
            return all(m == 0 or w == 0 for w, m in zip(p[0::2], p[1::2], strict=True))
        case "delayed":
            return p[0] == p[-1] and is_constant(dist.parts[0])
        case "mixture":
            parts = [part for w, part in zip(p, dist.parts, strict=True) if w > 0]
            return all(is_constant(part) for part in parts) and len({mean(part) for part in parts}) == 1
        case _:
            return p[0] == 1


def cdf(dist: Dist, x: float) -> float:
    """The probability of a value <= x."""
    if x < 0:
        return 0.0
    if is_constant(dist):
        return 1.0 if x >= mean(dist) else 0.0
    return _CDFS[dist.kind](dist, x)


def quantile(dist: Dist, p: float) -> float:
    """The least x with cdf(x) >= p. Raises ValueError unless 0 <= p <= 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"a quantile needs a probability between 0 and 1, not {p}")
    if is_constant(dist):
        return mean(dist)
    own = _QUANTILES.get(dist.kind)
    if own is not None:
        return own(dist, p)
    if p == 0 or p == 1:
        return _ends(dist)[p == 1]
    return _bisected(dist, p)


def cut_share(dist: Dist) -> float:
    """The share of the uncut normal that lies below 0; 0 for every other kind."""
    if dist.kind != "normal" or dist.params[1] == 0:
        return 0.0
    return normal_cdf(-dist.params[0] / dist.params[1])


def normal_cdf(z: float) -> float:
    """The standard normal's distribution function."""
    return 0.5 * erfc(-z / sqrt(2.0))


def gamma_cdf(shape: float, x: float) -> float:
    """The regularised lower incomplete gamma function P(shape, x).

    By its power series below shape + 1 and by Legendre's continued fraction (modified Lentz)
    above: W. J. Lentz 1976; Abramowitz and Stegun 6.5.29 and 6.5.31.
    """
    if x <= 0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1:
        term = total = 1.0 / shape
        k = shape
        while term > total * 1e-17:
            k += 1
            term *= x / k
            total += term
        return min(front * total, 1.0)
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    h = d
    for i in range(1, 100_000):
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return max(1.0 - front * h, 0.0)


# -- means ------------------------------------------------------------------------------


def _weighted(weights: tuple[float, ...], values: list[float]) -> float:
    """The mean of values by weight; a weight of 0 leaves its value out, even inf."""
    return fsum(w * v for w, v in zip(weights, values, strict=True) if w > 0) / fsum(weights)


def _normal_mean(dist: Dist) -> float:
    m, sd = dist.params
    return m + sd * _hazard(-m / sd) if sd else max(m, 0.0)


def _hazard(a: float) -> float:
    """phi(a) / (1 - Phi(a)): how far, in deviations, cutting below a lifts a standard normal's mean."""
    return exp(-a * a / 2) / sqrt(2 * pi) / normal_cdf(-a)


def _pareto_mean(dist: Dist) -> float:
    scale, alpha = dist.params
    return inf if alpha <= 1 and scale else (scale * alpha / (alpha - 1) if scale else 0.0)


def _zipf_moment(dist: Dist, power: int) -> float:
    n, s = int(dist.params[0]), dist.params[1]
    weights = [rank**-s for rank in range(1, n + 1)]
    return fsum(w * rank**power for rank, w in enumerate(weights, 1)) / fsum(weights)


def _safe_exp(x: float) -> float:
    return exp(x) if x < 709 else inf


def _factorial(x: float) -> float:
    return _safe_exp(lgamma(1 + x))


_MEANS: Final[dict[str, Callable[[Dist], float]]] = {
    "constant": lambda d: d.params[0],
    "exponential": lambda d: d.params[0],
    "uniform": lambda d: (d.params[0] + d.params[1]) / 2,
    "normal": _normal_mean,
    "lognormal": lambda d: _safe_exp(d.params[0] + d.params[1] ** 2 / 2),
    "gamma": lambda d: d.params[0] * d.params[1],
    "erlang": lambda d: d.params[1],
    "pareto": _pareto_mean,
    "weibull": lambda d: d.params[0] * _factorial(1 / d.params[1]) if d.params[0] else 0.0,
    "hyperexponential": lambda d: _weighted(d.params[0::2], list(d.params[1::2])),
    "empirical": lambda d: fsum(d.params) / len(d.params),
    "mixture": lambda d: _weighted(d.params, [mean(part) for part in d.parts]),
    "zipf": lambda d: _zipf_moment(d, 1),
    "delayed": lambda d: mean(d.parts[0]) + fsum(d.params) / len(d.params),
}


# -- variances and second moments ---------------------------------------------------------


def _normal_variance(dist: Dist) -> float:
    m, sd = dist.params
    a = -m / sd
    h = _hazard(a)
    return sd * sd * (1 + a * h - h * h)


def _lognormal_variance(dist: Dist) -> float:
    mu, sigma = dist.params
    exponent = 2 * mu + sigma * sigma
    return expm1(sigma * sigma) * exp(exponent) if sigma * sigma + exponent < 709 and sigma * sigma < 709 else inf


def _pareto_variance(dist: Dist) -> float:
    scale, alpha = dist.params
    return inf if alpha <= 2 else scale * scale * alpha / ((alpha - 1) ** 2 * (alpha - 2))


def _weibull_variance(dist: Dist) -> float:
    scale, shape = dist.params
    second = _factorial(2 / shape)
    return inf if isinf(second) else scale * scale * (second - _factorial(1 / shape) ** 2)


def _power(base: float, exponent: float) -> float:
    """base**exponent for base >= 0, `inf` where that is too large for a float."""
    try:
        return float(base**exponent)
    except OverflowError:
        return inf


def _empirical_variance(dist: Dist) -> float:
    m = fsum(dist.params) / len(dist.params)
    return fsum((v - m) ** 2 for v in dist.params) / len(dist.params)


_VARIANCES: Final[dict[str, Callable[[Dist], float]]] = {
    "exponential": lambda d: d.params[0] ** 2,
    "uniform": lambda d: (d.params[1] - d.params[0]) ** 2 / 12,
    "normal": _normal_variance,
    "lognormal": _lognormal_variance,
    "gamma": lambda d: d.params[0] * d.params[1] ** 2,
    "erlang": lambda d: d.params[1] ** 2 / d.params[0],
    "pareto": _pareto_variance,
    "weibull": _weibull_variance,
    "empirical": _empirical_variance,
    "delayed": lambda d: variance(d.parts[0]) + _empirical_variance(d),
}
_SECONDS: Final[dict[str, Callable[[Dist], float]]] = {
    "hyperexponential": lambda d: _weighted(d.params[0::2], [2 * m * m for m in d.params[1::2]]),
    "mixture": lambda d: _weighted(d.params, [second_moment(part) for part in d.parts]),
    "zipf": lambda d: _zipf_moment(d, 2),
}


# -- distribution functions ---------------------------------------------------------------


def _normal_cdf(dist: Dist, x: float) -> float:
    m, sd = dist.params
    return max(1.0 - normal_cdf((m - x) / sd) / normal_cdf(m / sd), 0.0)


def _pareto_cdf(dist: Dist, x: float) -> float:
    scale, alpha = dist.params
    return 0.0 if x <= scale else 1.0 - (scale / x) ** alpha


def _exponential_cdf(m: float, x: float) -> float:
    return -expm1(-x / m) if m else 1.0


def _hyperexponential_cdf(dist: Dist, x: float) -> float:
    return _weighted(dist.params[0::2], [_exponential_cdf(m, x) for m in dist.params[1::2]])


def _uniform_cdf(dist: Dist, x: float) -> float:
    low, high = dist.params
    return min(max((x - low) / (high - low), 0.0), 1.0)


def _lognormal_cdf(dist: Dist, x: float) -> float:
    return normal_cdf((log(x) - dist.params[0]) / dist.params[1]) if x > 0 else 0.0


def _zipf_cdf(dist: Dist, x: float) -> float:
    rank = min(int(x), int(dist.params[0])) if x < dist.params[0] else int(dist.params[0])
    return dist.zipf_bounds()[rank - 1] if rank else 0.0


_CDFS: Final[dict[str, Callable[[Dist, float], float]]] = {
    "exponential": lambda d, x: _exponential_cdf(d.params[0], x),
    "uniform": _uniform_cdf,
    "normal": _normal_cdf,
    "lognormal": _lognormal_cdf,
    "gamma": lambda d, x: 1.0 if isinf(x) else gamma_cdf(d.params[0], x / d.params[1]),
    "erlang": lambda d, x: 1.0 if isinf(x) else gamma_cdf(d.params[0], x * d.params[0] / d.params[1]),
    "pareto": _pareto_cdf,
    "weibull": lambda d, x: -expm1(-_power(x / d.params[0], d.params[1])),
    "hyperexponential": _hyperexponential_cdf,
    "empirical": lambda d, x: bisect_right(d.params, x) / len(d.params),
    "mixture": lambda d, x: _weighted(d.params, [cdf(part, x) for part in d.parts]),
    "zipf": _zipf_cdf,
    "delayed": lambda d, x: fsum(cdf(d.parts[0], x - v) for v in d.params) / len(d.params),
}


# -- quantiles ------------------------------------------------------------------------------


def _minus_log_survival(p: float) -> float:
    return -log1p(-p) if p < 1 else inf


def _lognormal_quantile(dist: Dist, p: float) -> float:
    if p in (0, 1):
        return inf if p else 0.0
    return _safe_exp(dist.params[0] + dist.params[1] * normal_quantile(p))


def _pareto_quantile(dist: Dist, p: float) -> float:
    exponent = _minus_log_survival(p) / dist.params[1]
    return dist.params[0] * _safe_exp(exponent)


def _empirical_quantile(dist: Dist, p: float) -> float:
    values = dist.params
    place = p * len(values)
    rank = int(place)
    if rank == place and rank > 0:
        rank -= 1
    return values[min(rank, len(values) - 1)]


def _zipf_quantile(dist: Dist, p: float) -> float:
    bounds = dist.zipf_bounds()
    return float(min(sum(b < p for b in bounds), len(bounds) - 1) + 1)


_QUANTILES: Final[dict[str, Callable[[Dist, float], float]]] = {
    "exponential": lambda d, p: d.params[0] * _minus_log_survival(p),
    "uniform": lambda d, p: d.params[0] + (d.params[1] - d.params[0]) * p,
    "lognormal": _lognormal_quantile,
    "pareto": _pareto_quantile,
    "weibull": lambda d, p: d.params[0] * _power(_minus_log_survival(p), 1 / d.params[1]),
    "empirical": _empirical_quantile,
    "zipf": _zipf_quantile,
}


def _ends(dist: Dist) -> tuple[float, float]:
    """The least and the greatest value, of the kinds without a quantile of their own."""
    if dist.kind == "mixture":
        ends = [
            (quantile(part, 0), quantile(part, 1))
            for w, part in zip(dist.params, dist.parts, strict=True) if w > 0
        ]
        return min(low for low, _ in ends), max(high for _, high in ends)
    if dist.kind == "delayed":
        [part] = dist.parts
        return quantile(part, 0) + dist.params[0], quantile(part, 1) + dist.params[-1]
    return 0.0, inf


def _bisected(dist: Dist, p: float) -> float:
    """The least x with cdf(x) >= p, to the last bits, by doubling and halving."""
    high = 1.0
    while cdf(dist, high) < p and high < 1e300:
        high *= 2
    low = 0.0 if high == 1.0 else high / 2
    while True:
        middle = (low + high) / 2
        if middle <= low or middle >= high:
            return high
        if cdf(dist, middle) >= p:
            high = middle
        else:
            low = middle
        if high < 1e-300:
            return 0.0
