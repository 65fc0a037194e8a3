"""Random times known by mean, variance and, where it is simple, their distribution. Seconds.

Sums keep mean and variance (independent parts). Maxima, minima and order statistics are
exact where every part's distribution is known; else each part is given the lognormal
distribution with its two moments, and the result says that it is approximate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msforge.analysis.queueing import at_least
from msforge.policies.distributions import Dist
from msforge.records import SECOND

POINTS = 400
ROOT2 = math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Time:
    """A random time. `cdf` is None when only the moments are known."""

    mean: float
    variance: float = 0.0
    cdf: Callable[[float], float] | None = None
    exact: bool = True            # the mean is exact given its parts

    @property
    def scv(self) -> float:
        """Squared coefficient of variation; 0 for a time that is always 0."""
        return self.variance / self.mean**2 if self.mean > 0 else 0.0

    def below(self, x: float) -> float:
        """P(T <= x), by the lognormal fit when the distribution is not known."""
        if self.cdf is not None:
            return self.cdf(x)
        if x <= 0:
            return 1.0 if self.mean <= 0 else 0.0
        if math.isinf(self.mean):
            return 0.0
        if self.mean <= 0 or self.variance <= 0:
            return 1.0 if x >= self.mean else 0.0
        sigma2 = math.log1p(self.scv) if math.isfinite(self.scv) else 4.0
        z = (math.log(x) - math.log(self.mean) + sigma2 / 2) / math.sqrt(sigma2)
        return 0.5 * math.erfc(-z / math.sqrt(2))


ZERO = Time(0.0)


def of(dist: Dist) -> Time:
    """A distribution of the plan (ns) as a time in seconds."""
    mean = dist.mean / SECOND
    if dist.is_constant:
        return Time(mean, 0.0, lambda x: 1.0 if x >= mean else 0.0)
    return Time(mean, dist.variance / SECOND**2, lambda x: dist.cdf(x * SECOND))


def constant(seconds: float) -> Time:
    """A time that is always the same."""
    return Time(seconds, 0.0, lambda x: 1.0 if x >= seconds else 0.0)


def total(parts: Sequence[Time]) -> Time:
    """The sum of independent times."""
    some = [p for p in parts if p.mean > 0]
    if not some:
        return ZERO
    exact = all(p.exact for p in parts)
    if len(some) == 1:
        return Time(some[0].mean, some[0].variance, some[0].cdf, exact)
    varying = [p for p in some if p.variance > 0 or p.cdf is None]
    if len(varying) <= 1:  # the rest only shifts it
        shift = sum(p.mean for p in some if not any(p is v for v in varying))
        if not varying:
            return constant(shift)
        inner = varying[0].cdf
        cdf = None if inner is None else (lambda x: inner(x - shift))
        return Time(shift + varying[0].mean, varying[0].variance, cdf, exact)
    return Time(sum(p.mean for p in some), sum(p.variance for p in some), None, exact)


def scaled(part: Time, by: float) -> Time:
    """A time stretched by a factor."""
    if by == 1 or part.mean <= 0:
        return part
    inner = part.cdf
    cdf = None if inner is None else (lambda x: inner(x / by))
    return Time(part.mean * by, part.variance * by * by, cdf, part.exact)


def mixed(parts: Sequence[tuple[float, Time]]) -> Time:
    """One of the times, by weights that sum to at most 1 (the rest is 0)."""
    mean = sum(w * p.mean for w, p in parts if w > 0)
    second = sum(w * (p.variance + p.mean**2) for w, p in parts if w > 0)
    exact = all(p.exact for w, p in parts if w > 0)
    if math.isinf(mean):
        return Time(math.inf, math.inf, None, exact)
    variance = max(0.0, second - mean * mean)
    if all(p.cdf is not None for w, p in parts if w > 0):
        rest = 1 - sum(w for w, _ in parts)
        known = [(w, p) for w, p in parts if w > 0]
        return Time(mean, variance, lambda x: (rest if x >= 0 else 0.0) + sum(w * p.below(x) for w, p in known), exact)
    return Time(mean, variance, None, exact)


def repeated(part: Time, mean: float, variance: float) -> Time:
    """A random number of rounds of `part`, one after another (Wald's equations; Ross, 3.4 and 3.5)."""
    if mean == 1 and variance == 0:
        return part
    if mean == 0:
        return ZERO
    return Time(mean * part.mean, mean * part.variance + variance * part.mean**2, None, part.exact)


def least_of(parts: Sequence[Time], need: int) -> Time:
    """When the `need`-th of independent times is over: all of them is the maximum, 1 the minimum.

    Integrates P(fewer than need are over by x); exact when every distribution is known.
    """
    if not parts or need <= 0:
        return ZERO
    if len(parts) == 1:
        return parts[0]
    if sum(p.mean < math.inf for p in parts) < need:
        return Time(math.inf, math.inf)
    if not any(p.cdf for p in parts):
        mean, variance = _fitted(tuple(sorted((p.mean, p.variance) for p in parts)), need)
        return Time(mean, variance, None, False)
    known = all(p.cdf is not None for p in parts) and all(p.exact for p in parts)
    groups = _grouped(parts)
    mean, second, x0, f0 = 0.0, 0.0, 0.0, 1.0
    for x in _grid(parts):
        f = 1 - _over(groups, need, x)
        mean += (x - x0) * (f + f0) / 2
        second += (x - x0) * (x * f + x0 * f0)
        x0, f0 = x, f
    return Time(mean, max(0.0, second - mean * mean), lambda x: _over(groups, need, x), known)


def at_least_longest(parts: Sequence[Time]) -> Time:
    """A lower bound of the maximum, at no cost: the longest mean (Jensen's inequality)."""
    return max(parts, key=lambda p: p.mean, default=ZERO)


@lru_cache(maxsize=65536)
def _fitted(parts: tuple[tuple[float, float], ...], need: int) -> tuple[float, float]:
    """(mean, variance) of the `need`-th of lognormals with these moments.

    The trapezoidal rule over ln x, where the integrand is smooth and falls off on both sides.
    """
    shapes = []
    for mean, variance in parts:
        if mean <= 0:
            shapes.append((-math.inf, 1.0))
        elif mean < math.inf:
            sigma2 = math.log1p(variance / mean**2) if variance < math.inf else 4.0
            sigma = max(math.sqrt(sigma2), 0.02)
            shapes.append((math.log(mean) - sigma2 / 2, sigma))
    wide = [s for s in shapes if s[0] > -math.inf]
    if not wide:
        return 0.0, 0.0
    low = min(mu - 7 * sigma for mu, sigma in wide)
    high = max(mu + (7 + 2 * sigma) * sigma for mu, sigma in wide)
    step = max(min(sigma for _, sigma in wide) / 2, (high - low) / POINTS)
    y = low
    endless = len(parts) - len(shapes)
    # Below `low` none is over; the second terms are Euler and Maclaurin's for the edge there.
    first = math.exp(low) * (1 + step * step / 12)
    second = math.exp(2 * low) * (1 + step * step / 3)
    while y < high:
        below = [1.0 if mu == -math.inf else 0.5 * math.erfc((mu - y) / (sigma * ROOT2)) for mu, sigma in shapes]
        if need == len(parts):
            left = 1 - math.prod(below)
        elif need == 1:
            left = math.prod(1 - b for b in below)
        else:
            left = 1 - at_least(need, below + [0.0] * endless)
        x = math.exp(y)
        weight = step / 2 if y == low else step
        first += left * x * weight
        second += 2 * left * x * x * weight
        y += step
    return first, max(0.0, second - first * first)


def first_of_hedged(part: Time, after: float) -> Time:
    """min(T, after + T') for independent T, T': a hedged try."""
    late = Time(after + part.mean, part.variance, lambda x: part.below(x - after) if x > after else 0.0)
    early = Time(part.mean, part.variance, part.below)
    found = least_of([early, late], 1)
    return Time(found.mean, found.variance, found.cdf, part.exact and part.cdf is not None)


def _grouped(parts: Sequence[Time]) -> list[tuple[Time, int]]:
    """Equal parts once, with how many there are: a fan-out over 100 replicas costs one."""
    groups: list[tuple[Time, int]] = []
    for p in parts:
        for i, (other, n) in enumerate(groups):
            if p is other:
                groups[i] = (other, n + 1)
                break
        else:
            groups.append((p, 1))
    return groups


def _over(groups: Sequence[tuple[Time, int]], need: int, x: float) -> float:
    many = sum(n for _, n in groups)
    if need >= many:
        return math.prod(p.below(x) ** n for p, n in groups)
    if need == 1:
        return 1 - math.prod((1 - p.below(x)) ** n for p, n in groups)
    return at_least(need, [p.below(x) for p, n in groups for _ in range(n)])


def _grid(parts: Sequence[Time]) -> list[float]:
    """Points from 0 to where all is over: dense where the probability lies."""
    finite = [p for p in parts if p.mean < math.inf]
    span = max(p.mean + 12 * math.sqrt(min(p.variance, (40 * p.mean) ** 2)) for p in finite) * 1.5
    low = min((p.mean for p in finite if p.mean > 0), default=span) / 1000
    if span <= 0:
        return []
    steps = [low * (span / low) ** (i / POINTS) for i in range(POINTS + 1)] if span > low else [span]
    line = [span * i / POINTS for i in range(1, POINTS + 1)]
    jumps = [p.mean for p in parts if p.variance == 0 and p.mean > 0]
    edges = [j * (1 - 1e-9) for j in jumps] + jumps
    return sorted({*steps, *line, *edges})
