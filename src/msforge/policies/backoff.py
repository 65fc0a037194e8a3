"""How long to wait before the next try."""

from __future__ import annotations

from typing import Final

JITTERS: Final = ("none", "full", "equal", "decorrelated")
LONGEST: Final = 1 << 62
"""Delays are cut here (ns, about 146 years), so that unlimited attempts never overflow."""


def delay(
    number: int, backoff: int, factor: float, max_backoff: int, jitter: str, u: float, previous: int
) -> int:
    """The delay in ns after try `number` (1 = before the second try).

    `backoff * factor**(number - 1)`, at most `max_backoff` (-1: no limit), then spread by `jitter`
    with the uniform draw `u` in (0, 1), as M. Brooker defines them in "Exponential Backoff
    and Jitter" (AWS Architecture Blog, 2015): `full` between 0 and the delay, `equal` between half of it
    and all, `decorrelated` between `backoff` and three times the `previous` delay (<= 0: there
    was none, `backoff` counts as it; `factor` plays no part), then cut at `max_backoff`.
    Raises ValueError for an unknown jitter.
    """
    limit = LONGEST if max_backoff < 0 else max_backoff
    if jitter == "decorrelated":
        widest = 3 * (previous if previous > 0 else backoff)
        return min(limit, backoff + round(u * max(widest - backoff, 0)))
    whole = min(backoff * _power(factor, number - 1), float(limit)) if backoff else 0.0
    if jitter == "none":
        return min(limit, round(whole))
    if jitter == "full":
        return min(limit, round(u * whole))
    if jitter == "equal":
        return min(limit, round(whole * 0.5 + u * (whole * 0.5)))
    raise ValueError(f"unknown jitter {jitter!r}; there are {', '.join(JITTERS)}")


def _power(base: float, exponent: int) -> float:
    """base**exponent by squaring: multiplications only, so the same on every platform; inf when too large."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        exponent >>= 1
        base *= base
    return result
