"""A token bucket: refills continuously, starts full, counts exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

SECOND: Final = 1_000_000_000
LARGEST_DENOMINATOR: Final = 1_000_000


class TokenBucket:
    """`rate_per_s` tokens a second, at most `burst` of them.

    The level is an integer number of units so small that a nanosecond's refill is a whole
    number of them: nothing is ever rounded, so nothing drifts. A rate that is no
    fraction with a denominator up to a million (100/min is 5/3) is taken as the nearest that is.
    `now` must not go backwards.
    """

    __slots__ = ("_full", "_gain", "_last", "_level", "_one", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        rate = Fraction(rate_per_s).limit_denominator(LARGEST_DENOMINATOR)
        if not rate:
            rate = Fraction(rate_per_s)
        self._gain = rate.numerator           # units a nanosecond
        self._one = rate.denominator * SECOND  # units a token
        self._full = burst * self._one
        self._level = self._full
        self._last = 0

    def take(self, now: int) -> bool:
        """Takes one token at `now` (ns) if there is a whole one."""
        level = self._level + (now - self._last) * self._gain
        if level > self._full:
            level = self._full
        self._last = now
        if level < self._one:
            self._level = level
            return False
        self._level = level - self._one
        return True
