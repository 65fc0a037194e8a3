"""Where the time went: of an entry's and of each service's requests, fast, slow and failed ones apart."""

from __future__ import annotations

from typing import Any, Final

from msforge.report.page.sheets import sheet, short
from msforge.report.text import clean, duration, percent
from msforge.results.figures import Part, Traffic
from msforge.results.result import Result

KINDS: Final = ("queue", "own", "store", "network", "backoff", "other")
WORDS: Final = {
    "queue": "waiting for a thread", "own": "own work", "store": "stores and brokers", "network": "network",
    "backoff": "backing off", "other": "other services",
}
BANDS: Final = {
    "<=p50": "the faster half", "p50-p90": "p50 to p90", "p90-p99": "p90 to p99", ">p99": "the slowest 1 %",
    "failed": "failed",
}
MOST: Final = 40


def slow(result: Result) -> dict[str, Any] | None:
    """Means per request for each band of latency, ns; None when nothing was measured."""
    found = [t for t in (*result.entries, *result.endpoints) if t.parts][: MOST + len(result.entries)]
    if not found:
        return None
    return {
        "kinds": [{"key": key, "words": WORDS[key]} for key in KINDS],
        "bands": [{"key": key, "words": words} for key, words in BANDS.items()
                  if any(part.band == key for t in found for part in t.parts)],
        "rows": [_row(t) for t in found],
        "table": sheet(
            "Mean time per request, by latency band",
            ("", "band", "requests", "latency", *WORDS.values()),
            [_cells(t, part) for t in found for part in t.parts],
            names=2,
        ),
    }


def _row(traffic: Traffic) -> dict[str, Any]:
    return {
        "name": clean(traffic.name),
        "kind": traffic.kind,
        "bands": {
            part.band: {"total": short(part.total), "text": duration(part.total), "count": f"{part.count:,}",
                        "parts": [short(getattr(part, key)) for key in KINDS],
                        "shares": [percent(max(getattr(part, key), 0.0) / part.total if part.total else 0.0, 2)
                                   for key in KINDS]}
            for part in traffic.parts
        },
    }


def _cells(traffic: Traffic, part: Part) -> list[str]:
    times = [duration(max(getattr(part, key), 0.0)) for key in KINDS]
    return [traffic.name, BANDS[part.band], f"{part.count:,}", duration(part.total), *times]
