"""Sampling one draw at a time: the scalar twin of `msforge.sim.blocks`.

Every kind maps the draw's first random word x (and further words derived from x) to a
value. `sampler` compiles that map once per distribution.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import sqrt
from typing import Final

from msforge.policies.distributions import Dist, cumulative, survival_at_zero
from msforge.policies.elementary import exp, log, normal_quantile
from msforge.policies.keys import GAMMA, MASK, SPACING, mix64, to_uniform, word_of
from msforge.policies.normal import normal

Draw = Callable[[int], float]
"""From the first random word of a draw to its value."""
Sampler = Callable[[int, int, int], float]
"""From key, request number and context to a value."""

BOOST_WORD: Final = 1 << 32
"""The word that a gamma with shape below 1 is boosted by; rejection never gets that far."""
PART_WORD: Final = 1 << 33
"""Part i of a mixture draws from the stream that word PART_WORD + i begins."""
PRODUCT: Final = 16
"""Uniforms multiplied before their logarithm is taken: 2**(-53 * 16) is still a normal number."""
LONGEST: Final = 1 << 62
"""Durations are cut here, about 146 years."""


def sample(dist: Dist, key: int, n: int, context: int = 0) -> float:
    """The draw of `dist` for a key, request number and context. Durations are in ns."""
    return sampler(dist)(key, n, context)


def duration(dist: Dist, key: int, n: int, context: int = 0) -> int:
    """As `sample`, rounded half to even to integer ns and cut at 2**62."""
    value = sampler(dist)(key, n, context)
    return round(value) if value < LONGEST else LONGEST


_samplers: dict[int, tuple[Dist, Sampler]] = {}
_SAMPLERS_KEPT: Final = 1 << 14


def sampler(dist: Dist) -> Sampler:
    """`dist` as a function of (key, request number, context), compiled on first use."""
    entry = _samplers.get(id(dist))  # by identity: hashing a long empirical one costs more than the draw
    if entry is not None:
        return entry[1]
    made = _keyed(drawer(dist))
    if len(_samplers) >= _SAMPLERS_KEPT:
        _samplers.clear()
    _samplers[id(dist)] = (dist, made)  # keeping `dist` alive keeps its id its own
    return made


def drawer(dist: Dist) -> Draw:
    """`dist` as a function of its first random word."""
    return _DRAWERS[dist.kind](dist)


def _keyed(draw: Draw) -> Sampler:
    def keyed(key: int, n: int, context: int = 0) -> float:
        return draw(mix64((mix64(key ^ context) + n * GAMMA) & MASK))

    return keyed


def _constant(dist: Dist) -> Draw:
    value = dist.params[0]
    return lambda x: value


def _exponential(dist: Dist) -> Draw:
    scale = -dist.params[0]
    return lambda x: log(((x >> 12) + 0.5) * SPACING) * scale


def _uniform(dist: Dist) -> Draw:
    low, high = dist.params
    span = high - low
    return lambda x: ((x >> 12) + 0.5) * SPACING * span + low


def _normal(dist: Dist) -> Draw:
    """Inversion from above: the upper tail's probability is uniform below P(uncut > 0)."""
    mean, sd = dist.params
    if sd == 0:
        return lambda x: max(mean, 0.0)
    above_zero = survival_at_zero(mean, sd)
    quantile = normal if above_zero == 1.0 else normal_quantile  # the table is for full uniforms only

    def draw(x: int) -> float:
        return max(mean - quantile(((x >> 12) + 0.5) * SPACING * above_zero) * sd, 0.0)

    return draw


def _lognormal(dist: Dist) -> Draw:
    mu, sigma = dist.params
    return lambda x: exp(normal(((x >> 12) + 0.5) * SPACING) * sigma + mu)


def _gamma(dist: Dist) -> Draw:
    """G. Marsaglia, W. W. Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26 (2000).

    Try i takes words 2i (normal) and 2i + 1 (acceptance). A shape below 1 is drawn as shape + 1
    and multiplied by a uniform to the power 1 / shape.
    """
    shape, scale = dist.params
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)

    def at_least_one(x: int) -> float:
        word, first = 0, x
        while True:
            z = normal(to_uniform(first))
            v = z * c + 1.0
            if v > 0.0:
                v = v * v * v
                if log(to_uniform(word_of(x, word + 1))) < z * z * 0.5 + (log(v) - v + 1.0) * d:
                    return v * d
            word += 2
            first = word_of(x, word)

    if shape >= 1.0:
        return lambda x: at_least_one(x) * scale

    def boosted(x: int) -> float:
        return at_least_one(x) * exp(log(to_uniform(word_of(x, BOOST_WORD))) / shape) * scale

    return boosted


def _erlang(dist: Dist) -> Draw:
    """The sum of k exponentials, words 0 to k - 1: logarithms of products of uniforms."""
    k, scale = int(dist.params[0]), -(dist.params[1] / dist.params[0])

    def draw(x: int) -> float:
        total, product = 0.0, to_uniform(x)
        for word in range(1, k):
            if word % PRODUCT == 0:
                total += log(product)
                product = to_uniform(word_of(x, word))
            else:
                product *= to_uniform(word_of(x, word))
        return (total + log(product)) * scale

    return draw


def _pareto(dist: Dist) -> Draw:
    scale, power = dist.params[0], -1.0 / dist.params[1]
    return lambda x: exp(log(((x >> 12) + 0.5) * SPACING) * power) * scale


def _weibull(dist: Dist) -> Draw:
    scale, power = dist.params[0], 1.0 / dist.params[1]
    return lambda x: exp(log(-log(((x >> 12) + 0.5) * SPACING)) * power) * scale


def _hyperexponential(dist: Dist) -> Draw:
    """Word 0 gives the exponential, word 1 chooses its mean."""
    bounds = cumulative(dist.params[0::2])
    scales = [-mean for mean in dist.params[1::2]]

    def draw(x: int) -> float:
        return log(to_uniform(x)) * scales[bisect_right(bounds, to_uniform(word_of(x, 1)))]

    return draw


def _mixture(dist: Dist) -> Draw:
    """Word 0 chooses the part; the part draws from a word of its own."""
    bounds = cumulative(dist.params)
    draws = [drawer(part) for part in dist.parts]

    def draw(x: int) -> float:
        part = bisect_right(bounds, to_uniform(x))
        return draws[part](word_of(x, PART_WORD + part))

    return draw


def _delayed(dist: Dist) -> Draw:
    """The part draws as it does alone; the value that is added has a word of its own."""
    own, value = drawer(dist.parts[0]), _empirical(dist)
    return lambda x: own(x) + value(word_of(x, PART_WORD))


def _empirical(dist: Dist) -> Draw:
    values, n = dist.params, len(dist.params)
    return lambda x: values[int(((x >> 12) + 0.5) * SPACING * n)]


def _zipf(dist: Dist) -> Draw:
    bounds = dist.zipf_bounds()
    return lambda x: float(bisect_right(bounds, to_uniform(x)) + 1)


_DRAWERS: Final[dict[str, Callable[[Dist], Draw]]] = {
    "constant": _constant,
    "exponential": _exponential,
    "uniform": _uniform,
    "normal": _normal,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "erlang": _erlang,
    "pareto": _pareto,
    "weibull": _weibull,
    "hyperexponential": _hyperexponential,
    "mixture": _mixture,
    "empirical": _empirical,
    "zipf": _zipf,
    "delayed": _delayed,
}
