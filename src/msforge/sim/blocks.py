"""Draws a block at a time: the numpy twin of `msforge.policies.sampling`.

Every function evaluates the same expressions in the same order as its scalar form, on IEEE
basic operations only, and so gives the same values to the bit (tests/policies/test_blocks.py).
Arrays are updated in place: a pass over 4096 values costs about a microsecond, so what
counts is the number of passes, and for short blocks the number of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from msforge.policies.distributions import Dist, cumulative, survival_at_zero
from msforge.policies.keys import GAMMA
from msforge.policies.sampling import BOOST_WORD, LONGEST, PART_WORD, PRODUCT
from msforge.sim.elementary import (
    CHUNK,
    Floats,
    Ints,
    Words,
    constant,
    exp,
    log,
    mixed,
    normal,
    normal_quantile,
    to_uniform,
    word_of,
    words,
)

Draw = Callable[[Words], Floats]
"""From the first random words of draws, which it may overwrite, to a fresh array of values."""

LARGEST_Z: Final = 8.21
"""No standard normal draw is farther out: the quantile at 2**-53."""
LARGEST_LOG: Final = 36.8
"""No uniform draw's logarithm is larger in size."""
EXP_SAFE: Final = 700.0
_ZERO, _HALF, _ONE, _LONGEST = (constant(value) for value in (0.0, 0.5, 1.0, float(LONGEST)))


def block(dist: Dist, key: int, first: int, count: int, context: int = 0) -> Floats:
    """`sample(dist, key, n, context)` for n = first .. first + count - 1, as float64[count]."""
    draw = drawer(dist)
    if count <= CHUNK:
        return draw(words(key, first, count, context))
    out = np.empty(count)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        out[start : start + size] = draw(words(key, first + start, size, context))
    return out


def durations(dist: Dist, key: int, first: int, count: int, context: int = 0) -> list[int]:
    """`duration(dist, key, n, context)` for n = first .. first + count - 1: integer ns."""
    if dist.kind == "constant":
        return [min(round(dist.params[0]), LONGEST)] * count
    values = block(dist, key, first, count, context)
    np.minimum(values, _LONGEST, out=values)
    np.rint(values, out=values)
    whole: list[int] = values.astype(np.int64).tolist()
    return whole


def words_of(keys: Words, first: int, count: int) -> Words:
    """Word 0 of request numbers first .. first + count - 1 (slowest) for each of `keys`, context 0: flat."""
    numbers = np.arange(count, dtype=np.uint64) + np.uint64(first)
    return mixed(np.add.outer(numbers * np.uint64(GAMMA), mixed(keys.copy())).reshape(-1))


def durations_of(dist: Dist, first_words: Words) -> Ints:
    """`duration` of the draws whose words 0 are `first_words`, which it overwrites: integer ns."""
    draw = drawer(dist)
    out = np.empty(first_words.size, dtype=np.int64)
    for start in range(0, first_words.size, CHUNK):
        values = draw(first_words[start : start + CHUNK])
        np.minimum(values, _LONGEST, out=values)
        out[start : start + CHUNK] = np.rint(values, out=values)
    return out


def raw_block(key: int, first: int, count: int, context: int = 0, word: int = 0) -> Words:
    """`raw(key, n, context, word)` for n = first .. first + count - 1, as uint64[count]."""
    out = np.empty(count, dtype=np.uint64)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        chunk = words(key, first + start, size, context)
        out[start : start + size] = word_of(chunk, word) if word else chunk
    return out


def uniform_block(key: int, first: int, count: int, context: int = 0, word: int = 0) -> Floats:
    """`uniform(key, n, context, word)` for n = first .. first + count - 1, as float64[count]."""
    if word == 0 and count <= CHUNK:
        return to_uniform(words(key, first, count, context))
    return to_uniform(raw_block(key, first, count, context, word))


_drawers: dict[int, tuple[Dist, Draw]] = {}
_DRAWERS_KEPT: Final = 1 << 14


def drawer(dist: Dist) -> Draw:
    """`dist` as a function of first random words, compiled on first use."""
    entry = _drawers.get(id(dist))  # by identity: hashing a long empirical one costs more than a block
    if entry is not None:
        return entry[1]
    made = _DRAWERS[dist.kind](dist)
    if len(_drawers) >= _DRAWERS_KEPT:
        _drawers.clear()
    _drawers[id(dist)] = (dist, made)  # keeping `dist` alive keeps its id its own
    return made


# -- distributions: each with the expressions of its namesake in `policies.sampling` ----------


def _constant(dist: Dist) -> Draw:
    value = dist.params[0]
    return lambda x: np.full(x.size, value)


def _exponential(dist: Dist) -> Draw:
    scale = constant(-dist.params[0])

    def draw(x: Words) -> Floats:
        v = log(to_uniform(x))
        return np.multiply(v, scale, out=v)

    return draw


def _uniform(dist: Dist) -> Draw:
    low, span = constant(dist.params[0]), constant(dist.params[1] - dist.params[0])

    def draw(x: Words) -> Floats:
        u = to_uniform(x)
        np.multiply(u, span, out=u)
        return np.add(u, low, out=u)

    return draw


def _normal(dist: Dist) -> Draw:
    mean, sd = dist.params
    if sd == 0:
        return lambda x: np.full(x.size, max(mean, 0.0))
    above_zero = survival_at_zero(mean, sd)

    def draw(x: Words) -> Floats:
        u = to_uniform(x)
        np.multiply(u, above_zero, out=u)
        z = normal(u) if above_zero == 1.0 else normal_quantile(u)
        np.multiply(z, sd, out=z)
        np.subtract(mean, z, out=z)
        return np.maximum(z, _ZERO, out=z)

    return draw


def _lognormal(dist: Dist) -> Draw:
    mu, sigma = constant(dist.params[0]), constant(dist.params[1])
    extreme = abs(dist.params[0]) + LARGEST_Z * dist.params[1] > EXP_SAFE

    def draw(x: Words) -> Floats:
        z = normal(to_uniform(x))
        np.multiply(z, sigma, out=z)
        np.add(z, mu, out=z)
        return exp(z, extreme)

    return draw


def _gamma(dist: Dist) -> Draw:
    shape, scale = dist.params
    at_least_one = _gamma_at_least_one(shape)

    def boosted(x: Words) -> Floats:
        v = at_least_one(x)
        boost = log(to_uniform(word_of(x, BOOST_WORD)))
        np.divide(boost, shape, out=boost)
        np.multiply(v, exp(boost), out=v)
        return np.multiply(v, scale, out=v)

    def plain(x: Words) -> Floats:
        v = at_least_one(x)
        return np.multiply(v, scale, out=v)

    return plain if shape >= 1.0 else boosted


def _gamma_at_least_one(shape: float) -> Draw:
    """A unit gamma of `shape`, or of `shape` + 1 when that is below 1 (to be boosted)."""
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = constant(1.0 / sqrt(9.0 * d))

    def at_least_one(x: Words) -> Floats:
        out, ok = attempt(x, x, 0)
        left = np.flatnonzero(~ok)
        word = 2
        while left.size:
            again = x[left]
            values, ok = attempt(again, word_of(again, word), word)
            out[left] = values
            left = left[~ok]
            word += 2
        return out

    def attempt(x: Words, first: Words, word: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Values, and which of them are accepted; the others' are meaningless."""
        z = normal(to_uniform(first.copy()))
        v = z * c
        np.add(v, _ONE, out=v)
        ok = v > _ZERO
        cube = v * v
        np.multiply(cube, v, out=cube)
        v = np.where(ok, cube, _ONE)
        log_u = log(to_uniform(word_of(x, word + 1)))
        np.multiply(z, z, out=z)
        np.multiply(z, _HALF, out=z)
        bound = log(v.copy())
        np.subtract(bound, v, out=bound)
        np.add(bound, _ONE, out=bound)
        np.multiply(bound, d, out=bound)
        np.add(z, bound, out=bound)
        np.logical_and(ok, log_u < bound, out=ok)
        return np.multiply(v, d, out=v), ok

    return at_least_one


def _erlang(dist: Dist) -> Draw:
    k, scale = int(dist.params[0]), -(dist.params[1] / dist.params[0])

    def draw(x: Words) -> Floats:
        total = np.zeros(x.size)
        product = to_uniform(x.copy())
        for word in range(1, k):
            u = to_uniform(word_of(x, word))
            if word % PRODUCT == 0:
                np.add(total, log(product), out=total)
                product = u
            else:
                np.multiply(product, u, out=product)
        np.add(total, log(product), out=total)
        return np.multiply(total, scale, out=total)

    return draw


def _pareto(dist: Dist) -> Draw:
    scale, power = constant(dist.params[0]), constant(-1.0 / dist.params[1])
    extreme = LARGEST_LOG / dist.params[1] > EXP_SAFE

    def draw(x: Words) -> Floats:
        v = log(to_uniform(x))
        np.multiply(v, power, out=v)
        v = exp(v, extreme)
        with np.errstate(over="ignore") if extreme else nullcontext():
            return np.multiply(v, scale, out=v)

    return draw


def _weibull(dist: Dist) -> Draw:
    scale, power = constant(dist.params[0]), constant(1.0 / dist.params[1])
    extreme = LARGEST_LOG / dist.params[1] > EXP_SAFE

    def draw(x: Words) -> Floats:
        v = log(to_uniform(x))
        v = log(np.negative(v, out=v))
        np.multiply(v, power, out=v)
        v = exp(v, extreme)
        with np.errstate(over="ignore") if extreme else nullcontext():
            return np.multiply(v, scale, out=v)

    return draw


def _hyperexponential(dist: Dist) -> Draw:
    bounds = np.array(cumulative(dist.params[0::2]))
    scales: Floats = np.array([-mean for mean in dist.params[1::2]])

    def draw(x: Words) -> Floats:
        which = bounds.searchsorted(to_uniform(word_of(x, 1)), side="right")
        v = log(to_uniform(x))
        return np.multiply(v, scales[which], out=v)

    return draw


def _mixture(dist: Dist) -> Draw:
    bounds = np.array(cumulative(dist.params))
    draws = [drawer(part) for part in dist.parts]

    def draw(x: Words) -> Floats:
        which = bounds.searchsorted(to_uniform(x.copy()), side="right")
        out = np.empty(x.size)
        for part, of_part in enumerate(draws):
            places = np.flatnonzero(which == part)
            if places.size:
                out[places] = of_part(word_of(x[places], PART_WORD + part))
        return out

    return draw


def _delayed(dist: Dist) -> Draw:
    own, value = drawer(dist.parts[0]), _empirical(dist)

    def draw(x: Words) -> Floats:
        values = value(word_of(x, PART_WORD))
        return np.add(own(x), values, out=values)

    return draw


def _empirical(dist: Dist) -> Draw:
    values = np.array(dist.params)
    n = len(dist.params)

    def draw(x: Words) -> Floats:
        u = to_uniform(x)
        np.multiply(u, n, out=u)
        chosen: Floats = values.take(u.astype(np.int64), mode="clip")
        return chosen

    return draw


def _zipf(dist: Dist) -> Draw:
    bounds = np.array(dist.zipf_bounds())

    def draw(x: Words) -> Floats:
        rank = bounds.searchsorted(to_uniform(x), side="right").astype(np.float64)
        return np.add(rank, 1.0, out=rank)

    return draw


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
