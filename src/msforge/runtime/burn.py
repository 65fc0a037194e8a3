"""Really using the CPU, for those who want to see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TURNS: Final = 2000
"""Turns between two looks at the clock: about a tenth of a millisecond."""


def burn(seconds: float, enough: Callable[[], bool]) -> None:
    """Use `seconds` of this thread's CPU time, or less once `enough()`."""
    until = time.thread_time() + seconds
    while time.thread_time() < until and not enough():
        for _ in range(TURNS):
            pass
