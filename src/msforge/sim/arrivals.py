"""When an open source sends: a rate that changes in time, turned into arrival times in blocks.

The i-th arrival comes when the expected number of arrivals reaches a level: a sum of i + 1
unit exponentials (Poisson), or i itself (constant). So the same dice serve every rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from msforge.model.plan import Source
from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.recording.records import Floats, Ints
from msforge.records import SECOND
from msforge.sim import blocks
from msforge.sim.streams import Pool, Stream

UNIT = Dist("exponential", (float(SECOND),))  # a unit exponential, in billionths
FIRST_BLOCK, LARGEST_BLOCK = 32, 4096

Piece = tuple[int, int, float, float]
"""A linear piece of the rate: begin (ns), length (ns), rate at its begin and end (per second)."""


def pieces_of(plan: Source, pool: Pool, key: int) -> list[Piece]:
    """A source's stages as pieces; bursts cut them further."""
    pieces: list[Piece] = []
    at = plan.start
    for stage in plan.stages:
        if stage.duration > 0:
            pieces.append((at, stage.duration, stage.begin, stage.end))
        at += stage.duration
    if plan.arrivals == "bursty" and plan.burst:
        return _bursts(pieces, plan.burst, Stream(pool, draws.child_key(key, "phase"), UNIT))
    return pieces


def _bursts(pieces: list[Piece], burst: tuple[float, ...], lengths: Stream) -> list[Piece]:
    """On and off phases of exponential length; the mean rate stays the stages'."""
    on, off, peak = burst
    low = max(0.0, (on + off - peak * on) / off) if off > 0 else 1.0
    cut: list[Piece] = []
    number, left, high = 0, 0, True
    for begin, length, first, last in pieces:
        at = 0
        while at < length:
            if left <= 0:
                high = not high
                left = max(1, round(lengths.get(number) * (on if high else off) / SECOND))
                number += 1
            step = min(left, length - at)
            slope = (last - first) / length
            factor = peak if high else low
            cut.append((begin + at, step, (first + slope * at) * factor, (first + slope * (at + step)) * factor))
            at += step
            left -= step
    return cut


def area(piece: Piece, at: int) -> float:
    """Expected arrivals (billionths) in the first `at` ns of a piece."""
    _, length, first, last = piece
    return first * at + (last - first) * at * at / (2.0 * length)


def when(piece: Piece, need: Floats) -> Floats:
    """The inverse of `area`: after how many ns each of `need` (billionths) is reached."""
    _, length, first, last = piece
    slope = (last - first) / length
    if slope == 0.0:
        return need / first
    root = np.sqrt(np.maximum(0.0, first * first + 2.0 * slope * need))
    below = first + root
    return np.where(need > 0.0, 2.0 * need / np.where(below > 0.0, below, 1.0), 0.0)


class Arrivals:
    """Arrival times of one source, in order. `base` is the level (billionths) at which the pieces begin."""

    def __init__(self, plan: Source, pool: Pool, key: int, number: int = 0, level: int = 0, base: float = 0.0) -> None:
        self.pieces = pieces_of(plan, pool, key)
        self.constant = plan.arrivals == "constant"
        self.key = draws.child_key(key, "arrival")
        self.number = number
        self.aim = level
        self.base = base
        self.passed = base
        self.piece = 0
        self.size = FIRST_BLOCK

    def level(self, time: int) -> float:
        """The expected number of arrivals (billionths) until `time` (ns)."""
        level = self.base
        for piece in self.pieces:
            if time <= piece[0]:
                break
            level += area(piece, min(piece[1], time - piece[0]))
        return level

    def changed(self, plan: Source, pool: Pool, key: int, now: int, number: int) -> Arrivals:
        """The arrivals of a plan that is in force from `now`: on from the level reached, with the same dice.

        `number` have arrived.
        """
        after = Arrivals(plan, pool, key)
        after.passed = after.base = self.level(now) - after.level(now)
        after.number = number
        if not after.constant:  # skip the dice that were used
            after.aim = sum(blocks.durations(UNIT, after.key, 0, number))
        return after

    def block(self) -> list[int]:
        """The next arrival times (ns); empty at the end."""
        aims = self._aims()
        times: list[Ints] = []
        while len(aims) and self.piece < len(self.pieces):
            piece = self.pieces[self.piece]
            begin, length, _, _ = piece
            whole = area(piece, length)
            inside = int(np.searchsorted(aims, self.passed + whole, side="left")) if whole > 0 else 0
            if inside:
                need = aims[:inside].astype(np.float64) - self.passed
                after = np.minimum(np.rint(when(piece, np.maximum(need, 0.0))).astype(np.int64), length)
                times.append(begin + after)
                aims = aims[inside:]
            if len(aims):
                self.passed += whole
                self.piece += 1
        found: list[Any] = np.concatenate(times).tolist() if times else []
        return found

    def _aims(self) -> Ints:
        count = self.size
        self.size = min(LARGEST_BLOCK, self.size * 4)
        first = self.number
        self.number += count
        if self.constant:
            return np.arange(first, first + count, dtype=np.int64) * SECOND
        gaps = np.array(blocks.durations(UNIT, self.key, first, count), dtype=np.int64)
        aims: Ints = self.aim + np.cumsum(gaps)
        self.aim = int(aims[-1])
        return aims
