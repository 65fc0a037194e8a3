"""What came of the requests: counts, latencies, and how late the generator itself was."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from msforge.records import ANSWERED, OUTCOMES, SECOND, Outcome

RECENT: Final = 2000
"""Latencies that the live table looks at."""
LATE: Final = 20_000_000
"""ns: when one request in a hundred is sent later than this, the generator says so."""


@dataclass(slots=True)
class Entry:
    """The requests of one source to one endpoint. Latencies are in ns and of requests that were answered."""

    source: str
    target: str
    sent: int = 0
    outcomes: list[int] = field(default_factory=lambda: [0] * OUTCOMES)
    tries: int = 0
    latencies: array[int] = field(default_factory=lambda: array("q"))
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def ended(self) -> int:
        """Requests that have their outcome."""
        return sum(self.outcomes)

    @property
    def answered(self) -> int:
        """Requests that were answered: ok, or degraded."""
        return sum(self.outcomes[outcome] for outcome in ANSWERED)

    def plain(self, seconds: float) -> dict[str, Any]:
        """The figures of an entry over so many seconds, times in ms."""
        ordered = sorted(self.latencies)
        return {
            "source": self.source, "target": self.target, "sent": self.sent, "ok": self.answered,
            "failed": self.ended - self.answered, "in_flight": self.sent - self.ended,
            "success": self.answered / self.sent if self.sent else None,
            "rate": self.sent / seconds if seconds > 0 else None,
            "outcomes": {Outcome(i).word: n for i, n in enumerate(self.outcomes) if n},
            "tries": self.tries,
            "latency_ms": {name: milliseconds(quantile(ordered, q)) for name, q in QUANTILES.items()},
        }


QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def quantile(ordered: list[int], q: float) -> int | None:
    """The least value that at least the share `q` of them does not exceed; None when there are none."""
    if not ordered:
        return None
    return ordered[max(0, ceil(q * len(ordered) - 1e-9) - 1)]


def milliseconds(ns: int | None) -> float | None:
    """ns as ms."""
    return None if ns is None else ns / 1e6


class Tally:
    """All entries of a run. Only requests that arrive in [warmup, duration) are counted, as in a simulation."""

    def __init__(self, warmup: int, duration: int) -> None:
        self.warmup = warmup
        self.duration = duration
        self.entries: dict[tuple[str, str], Entry] = {}
        self.lags: array[int] = array("q")
        self.requests = 0
        self.by_source: Counter[str] = Counter()
        self.rows: list[tuple[int, ...]] = []
        """One per request that ended, with the columns of `records.ROOT_COLUMNS`."""

    def entry(self, source: str, target: str) -> Entry:
        """The entry of a source and an endpoint, `service.endpoint`."""
        found = self.entries.get((source, target))
        if found is None:
            found = self.entries[source, target] = Entry(source, target)
        return found

    def counts(self, arrival: int) -> bool:
        """Whether a request that arrives then is measured."""
        return self.warmup <= arrival < self.duration

    def sent(self, entry: Entry, arrival: int, lag: int) -> None:
        """A request goes out, `lag` ns later than meant."""
        self.requests += 1
        self.by_source[entry.source] += 1
        if self.counts(arrival):
            entry.sent += 1
            self.lags.append(lag)

    def ended(self, entry: Entry, row: tuple[int, ...], cause: str) -> None:
        """It has its outcome."""
        self.rows.append(row)
        arrival, end, outcome, tries = row[3], row[4], row[5], row[7]
        if not self.counts(arrival):
            return
        entry.outcomes[outcome] += 1
        entry.tries += tries
        if outcome in ANSWERED:
            entry.latencies.append(end - arrival)
            entry.recent.append(end - arrival)

    def lag(self) -> dict[str, float | None]:
        """How late requests went out, ms."""
        ordered = sorted(self.lags)
        return {name: milliseconds(quantile(ordered, q)) for name, q in QUANTILES.items()}

    @property
    def late(self) -> bool:
        """Whether the generator could not keep up: then the latencies include its own lateness."""
        found = quantile(sorted(self.lags), 0.99)
        return found is not None and found > LATE

    def snapshot(self, now: int) -> list[dict[str, Any]]:
        """What the live table shows: percentiles of the latest answers."""
        seconds = max(0, min(now, self.duration) - self.warmup) / SECOND
        shown = []
        for entry in self.entries.values():
            ordered = sorted(entry.recent)
            shown.append({
                "source": entry.source, "target": entry.target, "sent": entry.sent, "ok": entry.answered,
                "failed": entry.ended - entry.answered, "in_flight": entry.sent - entry.ended,
                "rate": entry.sent / seconds if seconds > 0 else None,
                "outcomes": {Outcome(i).word: n for i, n in enumerate(entry.outcomes) if n},
                "latency_ms": {name: milliseconds(quantile(ordered, q)) for name, q in QUANTILES.items()},
            })
        return shown
