"""Random words and elementary functions over arrays: the numpy twins of `policies.keys`,
`policies.elementary` and `policies.normal`.

The same expressions in the same order as the scalar forms, on IEEE basic operations only,
so the same values to the bit: change both or neither.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
from msforge.policies.normal import CELLS, OCTAVES, cubics

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK: Final = 4096
"""Longest block drawn in one go: with its temporaries it stays in the second-level cache."""


def constant(value: float) -> Floats:
    """A constant as an array of no dimension: a third off the cost of a short pass."""
    return np.array(value, dtype=np.float64)


def _word(value: int) -> Words:
    return np.array(value, dtype=np.uint64)


def _whole(value: int) -> Ints:
    return np.array(value, dtype=np.int64)


_30, _27, _31, _12 = (_word(bits) for bits in (30, 27, 31, 12))
_A, _B = _word(MIX_A), _word(MIX_B)
_RAMP: Final = np.arange(CHUNK, dtype=np.uint64) * np.uint64(GAMMA)
_ONE_BITS: Final = _word(1023 << 52)
_BELOW_ONE: Final = constant(1.0 - 2.0**-53)
_OFFSET: Final = constant(SQRT_HALF).view(np.int64)
_EXPONENT: Final = _whole(-1 << 52)
_52: Final = _whole(52)
_HALF, _ONE, _TWO = (constant(value) for value in (0.5, 1.0, 2.0))
_LN2_HIGH, _LN2_LOW, _LOG2_E = constant(LN2_HIGH), constant(LN2_LOW), constant(LOG2_E)
_EXP_LEAST, _EXP_MOST = constant(EXP_LEAST), constant(EXP_MOST)
_LOG: Final = tuple(constant(c) for c in (L6, L5, L4, L3, L2, L1, L0))
_EXP: Final = tuple(constant(c) for c in (E4, E3, E2, E1, E0))
_CELL_BITS: Final = _whole(52 - (CELLS.bit_length() - 1))
_FIRST_CELL: Final = _whole((1023 - 1 - OCTAVES) * CELLS)


# -- random words ---------------------------------------------------------------------------


def words(key: int, first: int, count: int, context: int) -> Words:
    """Word 0 of a run of at most CHUNK request numbers."""
    return mixed(_RAMP[:count] + _word((mix64(key ^ context) + first * GAMMA) & MASK))


def word_of(first: Words, word: int) -> Words:
    """Word `word` > 0 of the draws whose words 0 are `first`."""
    return mixed(first + _word(word * WORD_STEP & MASK))


def mixed(x: Words) -> Words:
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


def to_uniform(x: Words) -> Floats:
    """`to_uniform` of each, in the same memory: 52 bits behind the exponent of 1, less 1 - 2**-53, are exact."""
    np.right_shift(x, _12, out=x)
    np.bitwise_or(x, _ONE_BITS, out=x)
    u = x.view(np.float64)
    np.subtract(u, _BELOW_ONE, out=u)
    return u


# -- elementary functions -------------------------------------------------------------------


def log(x: Floats) -> Floats:
    """`elementary.log` of each, in the same memory."""
    bits = x.view(np.int64)
    t = bits - _OFFSET  # the exponent of x over [sqrt 1/2, sqrt 2) now stands in the top bits
    k = (t >> _52).astype(np.float64)
    np.bitwise_and(t, _EXPONENT, out=t)
    np.subtract(bits, t, out=bits)  # x is now the mantissa
    s = x + _ONE
    f = np.subtract(x, _ONE, out=x)
    np.divide(f, s, out=s)
    z = s * s
    r = t.view(np.float64)
    np.multiply(z, _LOG[0], out=r)
    for coefficient in _LOG[1:]:
        np.add(r, coefficient, out=r)
        np.multiply(r, z, out=r)
    np.subtract(f, r, out=r)
    np.multiply(r, s, out=r)
    np.multiply(k, _LN2_LOW, out=z)
    np.subtract(r, z, out=r)
    np.subtract(r, f, out=r)
    np.multiply(k, _LN2_HIGH, out=k)
    return np.subtract(k, r, out=x)


def exp(x: Floats, extreme: bool = True) -> Floats:
    """`elementary.exp` of each, in the same memory; not `extreme` promises that all lie in its range."""
    if extreme:
        np.maximum(x, _EXP_LEAST, out=x)
        np.minimum(x, _EXP_MOST, out=x)
    k = x * _LOG2_E
    np.rint(k, out=k)
    low = k * _LN2_HIGH
    high = np.subtract(x, low, out=x)
    np.multiply(k, _LN2_LOW, out=low)
    r = high - low
    z = r * r
    c = z * _EXP[0]
    for coefficient in _EXP[1:-1]:
        np.add(c, coefficient, out=c)
        np.multiply(c, z, out=c)
    np.add(c, _EXP[-1], out=c)
    np.multiply(c, z, out=c)
    np.subtract(r, c, out=c)
    np.multiply(r, c, out=r)
    np.subtract(_TWO, c, out=c)
    np.divide(r, c, out=r)
    np.subtract(r, low, out=r)
    np.add(r, high, out=r)
    np.add(r, _ONE, out=r)
    exponent = k.astype(np.int64)
    np.left_shift(exponent, _52, out=exponent)
    bits = r.view(np.int64)
    np.add(bits, exponent, out=bits)  # ldexp: the result is a normal number
    return r


@lru_cache(maxsize=1)
def _cubics() -> tuple[Floats, Floats, Floats, Floats]:
    """The table of `normal`, a column a coefficient."""
    c0, c1, c2, c3 = np.array(cubics()).T.copy()
    return c0, c1, c2, c3


def normal(u: Floats) -> Floats:
    """`normal.normal` of each; u is overwritten."""
    c0, c1, c2, c3 = _cubics()
    q = np.subtract(u, _HALF, out=u)
    p = np.abs(q)
    np.subtract(_HALF, p, out=p)
    cell = p.view(np.int64) >> _CELL_BITS
    np.subtract(cell, _FIRST_CELL, out=cell)
    z = c3.take(cell, mode="clip")  # never out of range; "clip" spares the check
    part = np.empty_like(z)
    for column in (c2, c1, c0):
        np.multiply(z, p, out=z)
        np.add(z, column.take(cell, out=part, mode="clip"), out=z)
    return np.copysign(z, q, out=z)


def normal_quantile(p: Floats) -> Floats:
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
    r = log(np.minimum(p, 1.0 - p))
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
