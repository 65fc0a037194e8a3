"""Ctrl-C during a run: the first asks it to end with what it has, the second ends everything at once."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from msforge.cli.common import settings

SAME_PRESS = 0.5
"""Seconds: wrappers such as `timeout` and `make` pass one press on twice."""


class Interrupt:
    """While entered, Ctrl-C is a question that a run can ask: `stop()` is True once it was pressed.

    Outside the main thread signals cannot be caught: there `stop()` stays False.
    """

    def __init__(self) -> None:
        self._pressed = False
        self._when = 0.0
        self._before: Any = None

    def __call__(self) -> bool:
        """True once Ctrl-C was pressed."""
        return self._pressed

    def __enter__(self) -> Interrupt:
        heard = signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None)  # ignored: as under nohup, it stays so
        if heard and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._press)
            if hasattr(signal, "SIGBREAK"):
                signal.signal(signal.SIGBREAK, self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            # Once pressed, what follows is the summary: another press must not cut it in half.
            after = signal.SIG_IGN if self._pressed and error is None and settings.own_process else self._before
            signal.signal(signal.SIGINT, after)
            if hasattr(signal, "SIGBREAK"):
                signal.signal(signal.SIGBREAK, after)

    def _press(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._pressed and now - self._when > SAME_PRESS:
            raise KeyboardInterrupt
        if not self._pressed:
            self._pressed, self._when = True, now
