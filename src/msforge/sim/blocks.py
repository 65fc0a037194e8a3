"""Draws a block at a time: the numpy twin of `msforge.policies.sampling`.

Every function evaluates the same expressions in the same order as its scalar form, on IEEE
basic operations only, and so gives the same values to the bit (tests/policies/test_blocks.py).
Arrays are updated in place: a pass over 4096 values costs about a microsecond, so what
counts is the number of passes, and for short blocks the number of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from msforge.policies.distributions import Dist, cumulative, survival_at_zero
from msforge.policies.elementary import (
    CENTRE,
    CENTRE_HALF_WIDTH,
    CENTRE_SQUARE,
    E0,
    E1,
    E2,
    E3,
    E4,
    EXP_LEAST,
    EXP_MOST,
    FAR,
    FAR_SHIFT,
    L0,
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    SQRT_HALF,
    TAIL,
    TAIL_SHIFT,
)
from msforge.policies.keys import GAMMA, MASK, MIX_A, MIX_B, WORD_STEP, mix64
from msforge.policies.sampling import BOOST_WORD, LONGEST, PART_WORD, PRODUCT

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Draw = Callable[[Words], Floats]
"""From the first random words of draws, which it may overwrite, to a fresh array of values."""

CHUNK: Final = 4096
"""Longest block drawn in one go: with its temporaries it stays in the second-level cache."""

_30, _27, _31, _12 = (np.uint64(bits) for bits in (30, 27, 31, 12))
_A, _B = np.uint64(MIX_A), np.uint64(MIX_B)
_RAMP: Final = np.arange(CHUNK, dtype=np.uint64) * np.uint64(GAMMA)
_ONE_BITS: Final = np.uint64(1023 << 52)
_BELOW_ONE: Final = 1.0 - 2.0**-53
_OFFSET: Final = np.int64(np.float64(SQRT_HALF).view(np.int64))
_EXPONENT: Final = np.int64(-1 << 52)
_52: Final = np.int64(52)


def block(dist: Dist, key: int, first: int, count: int, context: int = 0) -> Floats:
    """`sample(dist, key, n, context)` for n = first .. first + count - 1, as float64[count]."""
    draw = drawer(dist)
    if count <= CHUNK:
        return draw(_words(key, first, count, context))
    out = np.empty(count)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        out[start : start + size] = draw(_words(key, first + start, size, context))
    return out


def durations(dist: Dist, key: int, first: int, count: int, context: int = 0) -> list[int]:
    """`duration(dist, key, n, context)` for n = first .. first + count - 1: integer ns."""
    if dist.kind == "constant":
        return [min(round(dist.params[0]), LONGEST)] * count
    values = block(dist, key, first, count, context)
    np.minimum(values, float(LONGEST), out=values)
    np.rint(values, out=values)
    whole: list[int] = values.astype(np.int64).tolist()
    return whole


def raw_block(key: int, first: int, count: int, context: int = 0, word: int = 0) -> Words:
    """`raw(key, n, context, word)` for n = first .. first + count - 1, as uint64[count]."""
    out = np.empty(count, dtype=np.uint64)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        words = _words(key, first + start, size, context)
        out[start : start + size] = _word(words, word) if word else words
    return out


def uniform_block(key: int, first: int, count: int, context: int = 0, word: int = 0) -> Floats:
    """`uniform(key, n, context, word)` for n = first .. first + count - 1, as float64[count]."""
    return _to_uniform(raw_block(key, first, count, context, word))


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


# -- random words ---------------------------------------------------------------------------


def _words(key: int, first: int, count: int, context: int) -> Words:
    """Word 0 of a run of at most CHUNK request numbers."""
    return _mixed(_RAMP[:count] + np.uint64((mix64(key ^ context) + first * GAMMA) & MASK))


def _word(first: Words, word: int) -> Words:
    """Word `word` > 0 of the draws whose words 0 are `first`."""
    return _mixed(first + np.uint64(word * WORD_STEP & MASK))


def _mixed(x: Words) -> Words:
    """`mix64` of each, in place."""
    t = x >> _30
    np.bitwise_xor(x, t, out=x)
    np.multiply(x, _A, out=x)
    np.right_shift(x, _27, out=t)
    np.bitwise_xor(x, t, out=x)
    np.multiply(x, _B, out=x)
    np.right_shift(x, _31, out=t)
    np.bitwise_xor(x, t, out=x)
    return x


def _to_uniform(x: Words) -> Floats:
    """`to_uniform` of each, in the same memory: 52 bits behind the exponent of 1, less 1 - 2**-53, are exact."""
    np.right_shift(x, _12, out=x)
    np.bitwise_or(x, _ONE_BITS, out=x)
    u = x.view(np.float64)
    np.subtract(u, _BELOW_ONE, out=u)
    return u


# -- elementary functions -------------------------------------------------------------------


def _log(x: Floats) -> Floats:
    """`elementary.log` of each, in the same memory."""
    bits = x.view(np.int64)
    t = bits - _OFFSET  # the exponent of x over [sqrt 1/2, sqrt 2) now stands in the top bits
    k = (t >> _52).astype(np.float64)
    np.bitwise_and(t, _EXPONENT, out=t)
    np.subtract(bits, t, out=bits)  # x is now the mantissa
    s = x + 1.0
    f = np.subtract(x, 1.0, out=x)
    np.divide(f, s, out=s)
    z = s * s
    r = t.view(np.float64)
    np.multiply(z, L6, out=r)
    for coefficient in (L5, L4, L3, L2, L1, L0):
        np.add(r, coefficient, out=r)
        np.multiply(r, z, out=r)
    np.subtract(f, r, out=r)
    np.multiply(r, s, out=r)
    np.multiply(k, LN2_LOW, out=z)
    np.subtract(r, z, out=r)
    np.subtract(r, f, out=r)
    np.multiply(k, LN2_HIGH, out=k)
    return np.subtract(k, r, out=x)


def _exp(x: Floats) -> Floats:
    """`elementary.exp` of each, in the same memory."""
    np.maximum(x, EXP_LEAST, out=x)
    np.minimum(x, EXP_MOST, out=x)
    k = x * LOG2_E
    np.rint(k, out=k)
    low = k * LN2_HIGH
    high = np.subtract(x, low, out=x)
    np.multiply(k, LN2_LOW, out=low)
    r = high - low
    z = r * r
    c = z * E4
    for coefficient in (E3, E2, E1):
        np.add(c, coefficient, out=c)
        np.multiply(c, z, out=c)
    np.add(c, E0, out=c)
    np.multiply(c, z, out=c)
    np.subtract(r, c, out=c)
    np.multiply(r, c, out=r)
    np.subtract(2.0, c, out=c)
    np.divide(r, c, out=r)
    np.subtract(r, low, out=r)
    np.add(r, high, out=r)
    np.add(r, 1.0, out=r)
    exponent = k.astype(np.int64)
    np.left_shift(exponent, _52, out=exponent)
    bits = r.view(np.int64)
    np.add(bits, exponent, out=bits)  # ldexp: the result is a normal number
    return r


def _normal_quantile(p: Floats) -> Floats:
    """`elementary.normal_quantile` of each; p is overwritten."""
    q = p - 0.5
    r = q * q
    np.subtract(CENTRE_SQUARE, r, out=r)
    z = _ratio(CENTRE, r)
    np.multiply(q, z, out=z)
    np.abs(q, out=r)
    outer = np.flatnonzero(r > CENTRE_HALF_WIDTH)
    if outer.size:
        z[outer] = _tails(p[outer])
    return z


def _tails(p: Floats) -> Floats:
    """The quantile outside the centre."""
    below = p < 0.5
    r = _log(np.minimum(p, 1.0 - p))
    np.negative(r, out=r)
    np.sqrt(r, out=r)
    far = np.flatnonzero(r > FAR_SHIFT) if r.max() > FAR_SHIFT else None
    x = _ratio(TAIL, r - TAIL_SHIFT)
    if far is not None:
        x[far] = _ratio(FAR, r[far] - FAR_SHIFT)
    return np.negative(x, out=x, where=below)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], r: Floats) -> Floats:
    """The quotient of two polynomials of degree seven, by Horner's rule."""
    above, below = coefficients
    a, b = r * above[7], r * below[7]
    for i in range(6, 0, -1):
        np.add(a, above[i], out=a)
        np.multiply(a, r, out=a)
        np.add(b, below[i], out=b)
        np.multiply(b, r, out=b)
    np.add(a, above[0], out=a)
    np.add(b, below[0], out=b)
    return np.divide(a, b, out=a)


# -- distributions: each with the expressions of its namesake in `policies.sampling` ----------


def _constant(dist: Dist) -> Draw:
    value = dist.params[0]
    return lambda x: np.full(x.size, value)


def _exponential(dist: Dist) -> Draw:
    scale = -dist.params[0]

    def draw(x: Words) -> Floats:
        v = _log(_to_uniform(x))
        return np.multiply(v, scale, out=v)

    return draw


def _uniform(dist: Dist) -> Draw:
    low, high = dist.params
    span = high - low

    def draw(x: Words) -> Floats:
        u = _to_uniform(x)
        np.multiply(u, span, out=u)
        return np.add(u, low, out=u)

    return draw


def _normal(dist: Dist) -> Draw:
    mean, sd = dist.params
    if sd == 0:
        return lambda x: np.full(x.size, max(mean, 0.0))
    above_zero = survival_at_zero(mean, sd)

    def draw(x: Words) -> Floats:
        u = _to_uniform(x)
        np.multiply(u, above_zero, out=u)
        z = _normal_quantile(u)
        np.multiply(z, sd, out=z)
        np.subtract(mean, z, out=z)
        return np.maximum(z, 0.0, out=z)

    return draw


def _lognormal(dist: Dist) -> Draw:
    mu, sigma = dist.params

    def draw(x: Words) -> Floats:
        z = _normal_quantile(_to_uniform(x))
        np.multiply(z, sigma, out=z)
        np.add(z, mu, out=z)
        return _exp(z)

    return draw


def _gamma(dist: Dist) -> Draw:
    shape, scale = dist.params
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)

    def at_least_one(x: Words) -> Floats:
        out, ok = attempt(x, x, 0)
        left = np.flatnonzero(~ok)
        word = 2
        while left.size:
            again = x[left]
            values, ok = attempt(again, _word(again, word), word)
            out[left] = values
            left = left[~ok]
            word += 2
        return out

    def attempt(x: Words, first: Words, word: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Values, and which of them are accepted; the others' are meaningless."""
        z = _normal_quantile(_to_uniform(first.copy()))
        v = z * c
        np.add(v, 1.0, out=v)
        ok = v > 0.0
        cube = v * v
        np.multiply(cube, v, out=cube)
        v = np.where(ok, cube, 1.0)
        log_u = _log(_to_uniform(_word(x, word + 1)))
        half = z * z
        np.multiply(half, 0.5, out=half)
        bound = _log(v.copy())
        np.subtract(bound, v, out=bound)
        np.add(bound, 1.0, out=bound)
        np.multiply(bound, d, out=bound)
        np.add(half, bound, out=bound)
        np.logical_and(ok, log_u < bound, out=ok)
        return np.multiply(v, d, out=v), ok

    def boosted(x: Words) -> Floats:
        v = at_least_one(x)
        boost = _log(_to_uniform(_word(x, BOOST_WORD)))
        np.divide(boost, shape, out=boost)
        np.multiply(v, _exp(boost), out=v)
        return np.multiply(v, scale, out=v)

    def plain(x: Words) -> Floats:
        v = at_least_one(x)
        return np.multiply(v, scale, out=v)

    return plain if shape >= 1.0 else boosted


def _erlang(dist: Dist) -> Draw:
    k, scale = int(dist.params[0]), -(dist.params[1] / dist.params[0])

    def draw(x: Words) -> Floats:
        total = np.zeros(x.size)
        product = _to_uniform(x.copy())
        for word in range(1, k):
            u = _to_uniform(_word(x, word))
            if word % PRODUCT == 0:
                np.add(total, _log(product), out=total)
                product = u
            else:
                np.multiply(product, u, out=product)
        np.add(total, _log(product), out=total)
        return np.multiply(total, scale, out=total)

    return draw


def _pareto(dist: Dist) -> Draw:
    scale, power = dist.params[0], -1.0 / dist.params[1]

    def draw(x: Words) -> Floats:
        v = _log(_to_uniform(x))
        np.multiply(v, power, out=v)
        v = _exp(v)
        return np.multiply(v, scale, out=v)

    return draw


def _weibull(dist: Dist) -> Draw:
    scale, power = dist.params[0], 1.0 / dist.params[1]

    def draw(x: Words) -> Floats:
        v = _log(_to_uniform(x))
        v = _log(np.negative(v, out=v))
        np.multiply(v, power, out=v)
        v = _exp(v)
        return np.multiply(v, scale, out=v)

    return draw


def _hyperexponential(dist: Dist) -> Draw:
    bounds = np.array(cumulative(dist.params[0::2]))
    scales = np.array([-mean for mean in dist.params[1::2]])

    def draw(x: Words) -> Floats:
        which = bounds.searchsorted(_to_uniform(_word(x, 1)), side="right")
        v = _log(_to_uniform(x))
        return np.multiply(v, scales[which], out=v)

    return draw


def _mixture(dist: Dist) -> Draw:
    bounds = np.array(cumulative(dist.params))
    draws = [drawer(part) for part in dist.parts]

    def draw(x: Words) -> Floats:
        which = bounds.searchsorted(_to_uniform(x.copy()), side="right")
        out = np.empty(x.size)
        for part, of_part in enumerate(draws):
            places = np.flatnonzero(which == part)
            if places.size:
                out[places] = of_part(_word(x[places], PART_WORD + part))
        return out

    return draw


def _empirical(dist: Dist) -> Draw:
    values = np.array(dist.params)
    n = len(dist.params)

    def draw(x: Words) -> Floats:
        u = _to_uniform(x)
        np.multiply(u, n, out=u)
        return values[u.astype(np.int64)]

    return draw


@lru_cache(maxsize=64)
def _bounds(dist: Dist) -> Floats:
    return np.array(dist.zipf_bounds())


def _zipf(dist: Dist) -> Draw:
    bounds = _bounds(dist)

    def draw(x: Words) -> Floats:
        rank = bounds.searchsorted(_to_uniform(x), side="right").astype(np.float64)
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
}
