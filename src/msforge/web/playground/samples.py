"""A sample of the requests of each frame, for the page to show on their way: so many that the eye can follow."""

from __future__ import annotations

from itertools import chain
from math import gcd
from typing import Final

WELL, FAILED, REFUSED = 0, 1, 2
MOST: Final = 2
"""Dots a frame on the busiest arrow, on the average."""
MOST_BAD: Final = 3
"""Dots a frame for each kind of failure on one arrow."""

Dot = list[float]
"""When in the frame (0 to 1), and how it went."""


class Samples:
    """One for each session. All arrows share a scale, so that the busier one looks busier."""

    def __init__(self, arrows: int) -> None:
        self.left = [[0.0] * 3 for _ in range(arrows)]
        self.per = 1

    def dots(self, counts: list[tuple[int, int, int]]) -> list[list[Dot]]:
        """For each arrow the dots of a frame in which so many were sent, of them failed, and were refused unsent."""
        self.per = self._scale(max((sent + refused for sent, _, refused in counts), default=0))
        return [self._of(number, *count) for number, count in enumerate(counts)]

    def _scale(self, busiest: int) -> int:
        """How many requests a dot stands for: 1, 2, 5, 10, ...; changed only when it is clearly wrong."""
        wanted = busiest / MOST
        if self.per <= 1.6 * wanted and wanted <= 1.6 * self.per:
            return self.per
        steps = (k * 10**e for e in range(9) for k in (1, 2, 5))
        return int(next(step for step in steps if step >= wanted or step == 5 * 10**8))

    def _of(self, number: int, sent: int, failed: int, refused: int) -> list[Dot]:
        left = self.left[number]
        failed = min(failed, sent)
        shown = []
        for kind, count in ((WELL, sent - failed), (FAILED, failed), (REFUSED, refused)):
            left[kind] += count / self.per
            dots = int(left[kind])
            left[kind] -= dots
            if kind != WELL and count:
                dots = min(MOST_BAD, max(1, dots))  # a failure is never left out of sight
            shown.append([kind] * min(dots, 3 * MOST))
        kinds = list(chain(*shown))
        step = _coprime(len(kinds))
        return [[round((i * step % len(kinds) + 0.5) / len(kinds), 3), kind] for i, kind in enumerate(kinds)]


def _coprime(count: int) -> int:
    """A stride that visits all of `count` places and spreads neighbours."""
    step = max(1, round(count * 0.618))
    while gcd(step, count) > 1:
        step += 1
    return step
