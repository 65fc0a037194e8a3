"""The draws of everything below one call, a row per request number.

Where each request makes the same calls, what it will draw is known before: a table with a
column for each duration. It is filled a block of numbers at a time and all places of one
distribution together, so that a thousand places that are seldom visited cost no more than
one that is visited often. The draws are those of `streams`, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msforge.model.plan import Step
from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.recording.records import Ints
from msforge.sim import blocks
from msforge.sim.elementary import Words
from msforge.sim.operations import constant_of
from msforge.sim.streams import SMALLEST_BLOCK, Pool, Site, context_of

Row = list[int]


@dataclass(frozen=True)
class Draw:
    """A duration inside a column: what it is for, and how many calls and parallel steps lie above it."""

    column: int
    key: int
    dist: Dist
    depth: int


class Sheet:
    """Durations (ns) by request number and column."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.constants: list[int] = []
        self.draws: list[Draw] = []
        self.sums: list[tuple[int, list[int]]] = []
        self.groups: list[tuple[Dist, Words, Ints]] | None = None
        self.first = self.old_first = 0
        self.rows: list[Row] = []
        self.old: list[Row] = []

    def column(self, times: list[Step], site: Site, depth: int) -> int:
        """A new column: the time that work and wait steps at `site` take together."""
        column = len(self.constants)
        self.constants.append(0)
        for step in times:
            constant = constant_of(step.dist)
            if constant >= 0 or step.dist is None:
                self.constants[column] += constant
                continue
            key = draws.child_key(draws.child_key(site.key, step.word), "@time")
            self.draws.append(Draw(column, key, step.dist, depth))
            self.pool.streams += 1
        return column

    def sum_of(self, columns: list[int]) -> int:
        """The column that is the sum of `columns`; -1 of none."""
        if len(columns) < 2:
            return columns[0] if columns else -1
        self.constants.append(0)
        self.sums.append((len(self.constants) - 1, columns))
        return len(self.constants) - 1

    # -- rows -----------------------------------------------------------------------------

    def row(self, number: int, context: int) -> Row:
        """All durations of one request number."""
        if context:
            return self._in_context(number, context)
        i = number - self.first
        if 0 <= i < len(self.rows):
            return self.rows[i]
        return self._fetch(number)

    def _fetch(self, number: int) -> Row:
        """A row outside the present block; the block moves on when that pays (as a `Stream`'s)."""
        i = number - self.old_first
        if 0 <= i < len(self.old):
            return self.old[i]
        gap = number - (self.first + len(self.rows))
        if gap < 0:
            return self._block(number, 1)[0]
        self.old_first, self.old = self.first, self.rows
        size = len(self.old)
        wanted = min(self.pool.cap(), max(SMALLEST_BLOCK, size * 2)) if gap <= max(SMALLEST_BLOCK, size) else 1
        self.first, self.rows = number, self._block(number, wanted)
        return self.rows[0]

    def _block(self, first: int, count: int) -> list[Row]:
        rows: list[Row] = self.table(first, count).tolist()
        return rows

    def table(self, first: int, count: int) -> Ints:
        """The rows of `count` numbers from `first` on, as one array."""
        table = np.tile(np.array(self.constants, dtype=np.int64), (count, 1))
        for dist, keys, columns in self._grouped():
            table[:, columns] += blocks.durations_of(dist, blocks.words_of(keys, first, count)).reshape(count, -1)
        for column, parts in self.sums:
            table[:, column] = table[:, parts].sum(axis=1)
        return table

    def _grouped(self) -> list[tuple[Dist, Words, Ints]]:
        """The draws of each distribution; those of one column stand in different groups."""
        if self.groups is None:
            found: dict[tuple[Dist, int], list[Draw]] = {}
            seen: dict[tuple[Dist, int], int] = {}
            for draw in self.draws:
                turn = seen[draw.dist, draw.column] = seen.get((draw.dist, draw.column), -1) + 1
                found.setdefault((draw.dist, turn), []).append(draw)
            self.groups = [
                (dist, np.array([d.key for d in drawn], dtype=np.uint64), np.array([d.column for d in drawn]))
                for (dist, _), drawn in found.items()
            ]
        return self.groups

    def _in_context(self, number: int, context: int) -> Row:
        """A row for another occurrence or try of a step above."""
        contexts = [context]
        row = list(self.constants)
        for draw in self.draws:
            while len(contexts) <= draw.depth:
                contexts.append(context_of(contexts[-1], 0, 0))
            row[draw.column] += draws.duration(draw.dist, draw.key, number, contexts[draw.depth])
        for column, parts in self.sums:
            row[column] = sum(row[part] for part in parts)
        return row
