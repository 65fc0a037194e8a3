"""A progress bar on stderr: only on a terminal, and only once a run has taken more than a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from msforge.report.text import moment

PATIENCE = 1.0
REDRAW = 0.1


class ProgressBar:
    """Shows simulated time, requests and an estimate of what remains.

    Call it with the simulated ns done, the simulated ns in all and the requests so far, each summed over the
    replications; enter it as a context manager. `clock` is an argument for tests.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._begun = clock()
        self._drawn = 0.0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, requests: int) -> None:
        """Moves the bar."""
        now = self._clock()
        early = now - self._begun < PATIENCE or now - self._drawn < REDRAW
        if (early and (self._bar is None or done < total)) or not self._console.is_terminal:
            return
        self._drawn = now
        if self._bar is None:
            self._bar = self._start(total)
        words = f"{moment(done)} of {moment(total)} simulated, {requests:,} requests"
        self._bar.update(self._task, completed=min(done, total), words=words, refresh=True)
        if done >= total:  # what follows may draw something of its own
            self._bar.stop()

    def _start(self, total: int) -> Progress:
        bar = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[words]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            TextColumn("left"),
            console=self._console,
            transient=True,
            auto_refresh=False,
        )
        self._task = bar.add_task("", total=max(total, 1), words="")
        bar.start()
        return bar
