"""Lanes over time: breakers' states, replicas that came and went, other marks; as in the first replication."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

from msforge.report.page.over_time import Clock
from msforge.report.page.sheets import sheet
from msforge.report.text import clean, moment
from msforge.results.result import Result

LANES: Final = 24
MARKS: Final = {"crash": "crash", "ready": "ready", "deploy": "deploy", "scale": "scale", "rebalance": "rebalance",
                "change": "change", "cold_start": "cold start"}
FULL: Final = 2_000
"""Marks that are drawn; more than that are one blot."""


def marks(result: Result, clock: Clock) -> dict[str, Any]:
    """Breakers' lanes (`spans` that are not closed), services whose replicas changed, marks by subject."""
    lanes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    since: dict[str, tuple[int, str]] = {}
    mine = [change for change in result.breakers if change.replication == 0]
    for change in mine:
        begin, state = since.get(change.breaker, (clock.begin, change.before))
        if state != "closed":
            lanes[change.breaker].append({"begin": begin, "end": change.time, "state": state})
        since[change.breaker] = change.time, change.after
    for breaker, (begin, state) in since.items():
        if state != "closed":
            lanes[breaker].append({"begin": begin, "end": clock.end, "state": state})
    counted = Counter(change.breaker for change in mine)
    return {
        "breakers": [{"name": clean(name), "spans": lanes[name]} for name in sorted(lanes)[:LANES]],
        "left": max(len(lanes) - LANES, 0),
        "replicas": [
            {"name": clean(s.name), "values": clock.mean(s.replicas)}
            for s in result.series.services if max(s.replicas, default=0.0) - min(s.replicas, default=0.0) >= 0.5
        ][:LANES],
        "happenings": _happenings(result),
        "tables": [
            sheet("Breakers", ("", "changes", "times opened"),
                  [(name, f"{n:,}", f"{sum(c.breaker == name and c.after == 'open' for c in mine):,}")
                   for name, n in sorted(counted.items())]),
            sheet("Marks", ("when", "what", "where", ""),
                  [(moment(h.time), MARKS[h.kind], h.subject, h.detail) for h in _told(result)[:200]], names=4),
            sheet("Faults", ("fault", "from", "to"),
                  [(f.label, moment(f.begin), "the end" if f.end is None else moment(f.end))
                   for f in result.faults if f.replication == 0]),
        ],
    }


def _told(result: Result) -> list[Any]:
    return [h for h in result.happenings if h.replication == 0 and h.kind in MARKS]


def _happenings(result: Result) -> list[dict[str, Any]]:
    by_subject: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for happening in _told(result)[:FULL]:
        by_subject[happening.subject].append(
            {"time": happening.time, "kind": MARKS[happening.kind], "detail": clean(happening.detail)}
        )
    return [{"name": clean(name), "marks": found} for name, found in sorted(by_subject.items())[:LANES]]
