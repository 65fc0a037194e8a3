"""A row for each request a replica has finished, in a file: what a measured run is made of.

The columns are those of `records.SERVED_COLUMNS` as far as one service knows them, with names in place of indices.
"""

from __future__ import annotations

import asyncio
import csv
import json
import time
from pathlib import Path
from typing import Final, TextIO

from msforge.runtime.clock import Clock

COLUMNS: Final = (
    "body", "replica", "root", "number", "arrive", "wait", "end", "outcome", "own", "store", "network", "backoff",
    "gone", "cause", "trace",
)
EVERY: Final = 0.5
"""Seconds between two writes."""

Row = tuple[str | int, ...]


class OutcomeLog:
    """Collects rows and writes them every half second and at the end.

    A JSON object a line, or comma-separated values when the file's name ends in `.csv`. With a `clock`, a line
    {"began": ns} comes first each time a replica starts: when (since the epoch) its clock, and so its times, began.
    """

    def __init__(self, path: str | Path, clock: Clock | None = None) -> None:
        self.path = Path(path)
        self.clock = clock
        self._table = self.path.suffix == ".csv"
        self.rows: list[Row] = []
        self._file: TextIO | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Open the file (append to one that is there) and begin to write."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", newline="")
        if self._table and self._file.tell() == 0:
            csv.writer(self._file).writerow(COLUMNS)
        if self.clock is not None and not self._table:
            self._file.write(json.dumps({"began": began_at(self.clock)}) + "\n")
        self._task = asyncio.get_running_loop().create_task(self._write_now_and_then())

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self.flush()

    def flush(self) -> None:
        """Write what is there."""
        if self._file is not None and self.rows:
            rows, self.rows = self.rows, []
            if self._table:
                csv.writer(self._file).writerows(rows)
            else:
                self._file.writelines(_line(row) for row in rows)
            self._file.flush()

    def close(self) -> None:
        """Write the rest and close the file."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


def began_at(clock: Clock) -> int:
    """When a clock stood at 0, ns since the epoch."""
    return time.time_ns() - round(clock.now() * clock.scale)


def _line(row: Row) -> str:
    return json.dumps(dict(zip(COLUMNS, row, strict=True)), separators=(",", ":")) + "\n"
