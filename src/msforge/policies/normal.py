"""The standard normal's quantile by table: what lognormal and gamma draws go through.

|z| as a function of p = min(u, 1 - u) is cut in cells, CELLS to each octave of p, and each
cell has the cubic that meets AS 241 (`elementary.normal_quantile`) in value and slope at both
ends (Hermite interpolation). The error stays below 1e-9 standard deviations; the inverse stays increasing and
continuous; there is no separate tail and neither log nor square root.
"""

from __future__ import annotations

from functools import lru_cache
from math import copysign, frexp
from typing import Final

from msforge.policies.elementary import exp, normal_quantile

CELLS: Final = 64
"""Cells to an octave: a power of two, so that a cell is the top bits of a float."""
OCTAVES: Final = 52
"""From 2**-53, the least p there is, to 1/2."""
ROOT_TWO_PI: Final = 2.5066282746310002
LEAST: Final = 2.0**-53

Cubic = tuple[float, float, float, float]


def normal(u: float) -> float:
    """The standard normal's quantile at u, an odd multiple of 2**-53 in (0, 1)."""
    q = u - 0.5
    p = 0.5 - abs(q)
    m, exponent = frexp(p)
    c0, c1, c2, c3 = cubics()[(exponent + OCTAVES) * CELLS + int(m * (2 * CELLS)) - CELLS]
    return copysign(((c3 * p + c2) * p + c1) * p + c0, q)


@lru_cache(maxsize=1)
def cubics() -> tuple[Cubic, ...]:
    """The cubic of every cell, constant term first, in p itself."""
    nodes = [_node(cell) for cell in range(OCTAVES * CELLS + 1)]
    values = [-normal_quantile(p) for p in nodes]
    slopes = [-ROOT_TWO_PI * exp(z * z * 0.5) for z in values]
    return tuple(
        _cubic(nodes[i], nodes[i + 1], values[i], values[i + 1], slopes[i], slopes[i + 1])
        for i in range(OCTAVES * CELLS)
    )


def _node(cell: int) -> float:
    """Where a cell begins."""
    octave, step = divmod(cell, CELLS)
    return LEAST * float(1 << octave) * (1.0 + step / CELLS)


def _cubic(a: float, b: float, za: float, zb: float, sa: float, sb: float) -> Cubic:
    """The cubic with value za and slope sa at a, zb and sb at b."""
    h = b - a
    d = (zb - za) / h
    e = (3.0 * d - 2.0 * sa - sb) / h
    g = (sa + sb - 2.0 * d) / (h * h)
    return (
        za - a * (sa - a * (e - a * g)),
        sa - a * (2.0 * e - 3.0 * a * g),
        e - 3.0 * a * g,
        g,
    )
