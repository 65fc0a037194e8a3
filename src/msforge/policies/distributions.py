"""Distributions as plain data: a kind, its parameters, its parts.

Durations are in nanoseconds. Moments, `cdf` and `quantile` are for theory and checks and use
the `math` module; draws are made in `sampling` from basic operations only, so that they are
the same to the bit on every platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import erfc, inf, isfinite, sqrt
from typing import Final

from msforge.policies import moments
from msforge.policies.elementary import log

KINDS: Final = (
    "constant", "exponential", "uniform", "normal", "lognormal", "gamma", "erlang", "pareto", "weibull",
    "hyperexponential", "empirical", "mixture", "zipf", "delayed",
)


@dataclass(frozen=True, slots=True)
class Dist:
    """A distribution of a non-negative quantity. Moments may be `inf`, never nan.

    Parameters by kind: constant(v) exponential(mean) uniform(low, high) normal(mean, sd: the
    uncut normal's, conditioned to be >= 0) lognormal(mu, sigma of the logarithm)
    gamma(shape, scale) erlang(k, mean) pareto(scale, alpha) weibull(scale, shape)
    hyperexponential(p1, mean1, p2, mean2, ...) empirical(v1, v2, ... sorted; each as likely)
    mixture(w1, w2, ...; with as many parts) zipf(n, s): rank 1 .. n with weight 1 / rank**s
    delayed(v1, v2, ... sorted; with one part): the part's own draw, and one of the values added to it.
    Raises ValueError when the parameters do not fit the kind.
    """

    kind: str
    params: tuple[float, ...] = ()
    parts: tuple[Dist, ...] = ()

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"{self.kind}: {problem}")

    @property
    def mean(self) -> float:
        """The expectation, `inf` where there is none (pareto with alpha <= 1)."""
        return moments.mean(self)

    @property
    def second_moment(self) -> float:
        """The expectation of the square."""
        return moments.second_moment(self)

    @property
    def variance(self) -> float:
        """The variance, `inf` where there is none (pareto with alpha <= 2)."""
        return moments.variance(self)

    @property
    def scv(self) -> float:
        """The squared coefficient of variation, variance / mean**2; 0 for a constant 0."""
        mean, variance = self.mean, self.variance
        if mean == 0:
            return 0.0
        return variance / (mean * mean) if isfinite(variance) and isfinite(mean * mean) else inf

    @property
    def is_constant(self) -> bool:
        """Whether every draw gives the same value."""
        return moments.is_constant(self)

    def cdf(self, x: float) -> float:
        """The probability of a value <= x."""
        return moments.cdf(self, x)

    def quantile(self, p: float) -> float:
        """The least x with cdf(x) >= p, for p in [0, 1]. Raises ValueError outside."""
        return moments.quantile(self, p)

    def scaled(self, factor: float) -> Dist:
        """The distribution of `factor` (> 0) times the value. Raises ValueError for zipf, which counts."""
        return _scaled(self, factor)

    def zipf_bounds(self) -> tuple[float, ...]:
        """A zipf's cumulative probabilities; the last is 1."""
        return _zipf_bounds(int(self.params[0]), self.params[1])


def cumulative(weights: Sequence[float]) -> list[float]:
    """Running sums of weights as shares of their total; the last is exactly 1."""
    total = 0.0
    sums = []
    for weight in weights:
        total += weight
        sums.append(total)
    bounds = [s / total for s in sums]
    bounds[-1] = 1.0
    return bounds


@lru_cache(maxsize=64)
def _zipf_bounds(n: int, s: float) -> tuple[float, ...]:
    # The C library's power, ten times faster with a million ranks: its last bit moves a bound by 1e-16 of
    # the whole, so that a draw differs between platforms once in about 1e16 / n.
    return tuple(cumulative([rank**-s for rank in range(1, n + 1)]))


def survival_at_zero(mean: float, sd: float) -> float:
    """The probability that a normal is above 0, to 13 digits so that the C library's last bit is no matter."""
    return float(f"{0.5 * erfc(-mean / sd / sqrt(2.0)):.13g}")


def _scaled(dist: Dist, factor: float) -> Dist:
    if not (factor > 0 and isfinite(factor)):
        raise ValueError(f"a distribution is scaled by a positive, finite factor, not {factor}")
    p = dist.params
    match dist.kind:
        case "constant" | "exponential" | "uniform" | "normal" | "empirical":
            params = tuple(v * factor for v in p)
        case "lognormal":
            params = (p[0] + log(factor), p[1])
        case "gamma" | "erlang":
            params = (p[0], p[1] * factor)
        case "pareto" | "weibull":
            params = (p[0] * factor, p[1])
        case "hyperexponential":
            params = tuple(v * factor if i % 2 else v for i, v in enumerate(p))
        case "mixture":
            return Dist("mixture", p, tuple(_scaled(part, factor) for part in dist.parts))
        case "delayed":
            return Dist("delayed", tuple(v * factor for v in p), (_scaled(dist.parts[0], factor),))
        case _:
            raise ValueError("zipf gives a rank, which cannot be scaled")
    return Dist(dist.kind, params)


_COUNTS: Final = {
    "constant": 1, "exponential": 1, "uniform": 2, "normal": 2, "lognormal": 2, "gamma": 2, "erlang": 2,
    "pareto": 2, "weibull": 2, "zipf": 2,
}  # fmt: skip


def _problem(dist: Dist) -> str:
    """What is wrong with the parameters, or an empty string."""
    kind, p = dist.kind, dist.params
    if kind not in KINDS:
        return f"no such distribution; there are {', '.join(KINDS)}"
    if kind in _COUNTS and len(p) != _COUNTS[kind]:
        return f"takes {_COUNTS[kind]} parameters, not {len(p)}"
    if not all(isfinite(v) for v in p):
        return "parameters must be finite"
    if (kind in ("mixture", "delayed")) != bool(dist.parts):
        return "only a mixture has parts" if dist.parts else f"a {kind} has parts"
    return _CHECKS[kind](p, len(dist.parts))


def _check_mixture(p: tuple[float, ...], parts: int) -> str:
    if len(p) != parts:
        return "needs as many weights as parts"
    return "" if min(p) >= 0 and sum(p) > 0 else "weights must be >= 0 and not all 0"


def _check_hyperexponential(p: tuple[float, ...], _: int) -> str:
    if len(p) < 2 or len(p) % 2:
        return "needs pairs of a probability and a mean"
    if min(p[0::2]) < 0 or sum(p[0::2]) <= 0:
        return "probabilities must be >= 0 and not all 0"
    return "" if min(p[1::2]) >= 0 else "means must be >= 0"


def _check_empirical(p: tuple[float, ...], _: int) -> str:
    if not p:
        return "needs at least one value"
    if p[0] < 0:
        return "values must be >= 0"
    return "" if all(a <= b for a, b in pairwise(p)) else "values must be sorted"


def _check_delayed(p: tuple[float, ...], parts: int) -> str:
    return _check_empirical(p, 0) or ("" if parts == 1 else "has one part")


def _check_normal(p: tuple[float, ...], _: int) -> str:
    mean, sd = p
    if sd < 0:
        return "the standard deviation must be >= 0"
    return "" if mean >= -30 * sd else "the mean is too far below 0"


def _check_zipf(p: tuple[float, ...], _: int) -> str:
    if p[0] < 1 or p[0] != int(p[0]):
        return "n must be a whole number >= 1"
    return "" if p[1] >= 0 else "s must be >= 0"


_CHECKS: Final = {
    "constant": lambda p, _: "" if p[0] >= 0 else "must be >= 0",
    "exponential": lambda p, _: "" if p[0] >= 0 else "the mean must be >= 0",
    "uniform": lambda p, _: "" if 0 <= p[0] <= p[1] else "needs 0 <= low <= high",
    "normal": _check_normal,
    "lognormal": lambda p, _: "" if p[1] >= 0 else "sigma must be >= 0",
    "gamma": lambda p, _: "" if p[0] > 0 and p[1] >= 0 else "shape must be > 0 and scale >= 0",
    "erlang": lambda p, _: "" if p[0] >= 1 and p[0] == int(p[0]) and p[1] >= 0
    else "k must be a whole number >= 1 and the mean >= 0",
    "pareto": lambda p, _: "" if p[0] >= 0 and p[1] > 0 else "scale must be >= 0 and alpha > 0",
    "weibull": lambda p, _: "" if p[0] >= 0 and p[1] > 0 else "scale must be >= 0 and shape > 0",
    "hyperexponential": _check_hyperexponential,
    "empirical": _check_empirical,
    "mixture": _check_mixture,
    "zipf": _check_zipf,
    "delayed": _check_delayed,
}
