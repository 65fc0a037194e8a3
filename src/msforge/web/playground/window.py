"""What happened lately: root requests and counters over a sliding window of simulated time, and second by second."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Any, Final

import numpy as np

from msforge.recording.records import Ints
from msforge.records import SECOND

KEPT_SECONDS: Final = 900
"""Seconds of simulated time that the charts know."""
MOST_ROOTS: Final = 100_000
"""Root requests that a window looks at; of more the latest."""


def percentile(sorted_values: Ints, p: float) -> float | None:
    """The order statistic of rank ceil(p n), in ms; None of nothing."""
    if not len(sorted_values):
        return None
    return round(float(sorted_values[max(0, ceil(p * len(sorted_values)) - 1)]) / 1e6, 3)


class Roots:
    """Root requests by the time of their answer."""

    def __init__(self) -> None:
        self.parts: deque[tuple[int, Ints, Ints]] = deque()  # until when (ns), latency (ns), whether it failed
        self.count = 0

    def add(self, now: int, latency: Ints, failed: Ints) -> None:
        """Requests that ended since the last call."""
        self.parts.append((now, latency, failed))
        self.count += len(latency)

    def over(self, now: int, span: int) -> dict[str, Any]:
        """Rate of answers, p50 and p99 (ms, of those that went well) and the share that failed, of the last `span`."""
        while self.parts and (self.parts[0][0] <= now - span or self.count > MOST_ROOTS) and len(self.parts) > 1:
            self.count -= len(self.parts.popleft()[1])
        if not self.parts:
            return {"rate": 0.0, "p50": None, "p99": None, "failed": None}
        latency = np.concatenate([part[1] for part in self.parts])
        failed = np.concatenate([part[2] for part in self.parts])
        good = np.sort(latency[failed == 0])
        seconds = max(1e-9, min(span, now) / SECOND)
        return {
            "rate": round(len(latency) / seconds, 2), "p50": percentile(good, 0.5), "p99": percentile(good, 0.99),
            "failed": round(float(failed.mean()), 4) if len(failed) else None,
        }


class Seconds:
    """The run second by second: [second, answered well per s, failed per s, p50 ms, p99 ms]."""

    def __init__(self) -> None:
        self.rows: deque[list[float | None]] = deque(maxlen=KEPT_SECONDS)
        self.second = 0
        self.open: list[tuple[Ints, Ints]] = []

    def add(self, end: Ints, latency: Ints, failed: Ints, now: int) -> list[list[float | None]]:
        """Requests that ended since the last call, and time until `now` (ns). The seconds that are over by then."""
        made = []
        while (self.second + 1) * SECOND <= now:
            limit = (self.second + 1) * SECOND
            inside = end < limit
            self.open.append((latency[inside], failed[inside]))
            end, latency, failed = end[~inside], latency[~inside], failed[~inside]
            made.append(self._close())
        self.open.append((latency, failed))
        self.rows.extend(made)
        return made

    def _close(self) -> list[float | None]:
        latency = np.concatenate([part[0] for part in self.open])
        failed = np.concatenate([part[1] for part in self.open])
        good = np.sort(latency[failed == 0])
        row = [self.second, len(good), len(failed) - len(good), percentile(good, 0.5), percentile(good, 0.99)]
        self.second += 1
        self.open = []
        return row


class Lately:
    """How much counters have grown over the last span of simulated time."""

    def __init__(self) -> None:
        self.readings: deque[tuple[int, Ints]] = deque()

    def grown(self, now: int, counters: Ints, span: int) -> tuple[Ints, Ints, float]:
        """Growth since the last reading, growth over about `span` (ns), and how long that was (s)."""
        readings = self.readings
        last = readings[-1][1] if readings else np.zeros_like(counters)
        if not readings:
            readings.append((0, last))
        while len(readings) > 1 and readings[1][0] <= now - span:
            readings.popleft()
        first, then = readings[0]
        readings.append((now, counters))
        return counters - last, counters - then, max(1, now - first) / SECOND
