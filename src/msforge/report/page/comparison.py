"""Two runs laid over each other, and each difference with its interval."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from msforge.report.comparison import WORDS, change, parts, relative
from msforge.report.page.html import filled
from msforge.report.page.load import rows
from msforge.report.page.over_time import Clock, entry, time_of
from msforge.report.page.run import repeat
from msforge.report.page.sheets import sheet, short
from msforge.report.page.verdict import verdict
from msforge.report.text import clean, figure, plural
from msforge.results.compare import Comparison, Difference
from msforge.results.result import Result

TOLD: Final = ("better", "worse", "changed")
MOST: Final = 60
"""Differences that are drawn; the table has all."""


def comparison_page(compared: Comparison, before: Result, after: Result, command: str) -> str:
    """The HTML file of a comparison. Raises UsageError without the browser side."""
    title = f"{clean(compared.before, limit=60)} and {clean(compared.after, limit=60)} - msforge"
    return filled(comparison_document(compared, before, after, command), title)


def comparison_document(compared: Comparison, before: Result, after: Result, command: str) -> dict[str, Any]:
    """What the page draws."""
    return {
        "kind": "comparison",
        "before": clean(compared.before),
        "after": clean(compared.after),
        "method": clean(compared.text),
        "counts": _counts(compared),
        "objectives": [
            {"subject": clean(o.subject), "text": clean(o.text), "before": o.before, "after": o.after,
             "word": WORDS[o.verdict][0]}
            for o in compared.objectives
        ],
        "labels": ["before", "after"],
        "sides": [side(result) for result in (before, after)],
        "changes": [_drawn(d) for d in compared.differences if _told(d)][:MOST],
        "table": sheet(
            "Every figure", ("what", "of", "figure", "before", "after", "difference", "", "verdict"),
            [_row(d) for d in compared.differences if not d.name.startswith("objective/")], names=3,
        ),
        "only": [[side, [clean(" ".join(parts(name))) for name in names[:40]]]
                 for side, names in (("before", compared.only_before), ("after", compared.only_after)) if names],
        "repeat": repeat(after, command),
    }


def _told(difference: Difference) -> bool:
    kind = parts(difference.name)[0]
    return difference.verdict in TOLD and kind not in ("objective", "source")


def side(result: Result) -> dict[str, Any]:
    """One of two runs that are laid over each other."""
    clock = Clock(result)
    found = verdict(result)
    return {
        "state": found["state"],
        "line": found["line"],
        "headline": found["headline"],
        "entriesTold": found["entries"],
        "time": time_of(result, clock),
        "entries": [entry(e, clock) for e in result.series.entries],
        "rows": [{key: row[key] for key in ("name", "kind", "load", "queue")} for row in rows(result, clock)],
    }


def _counts(compared: Comparison) -> list[str]:
    counted = Counter(d.verdict for d in compared.differences if not d.name.startswith("objective/"))
    return [f"{plural(counted[word], 'figure')} {said}" for word, said in (
        ("better", "better"), ("worse", "worse"), ("changed", "changed"), ("noise", "inside the noise"),
        ("same", "the same"), ("unknown", "without an interval"),
    ) if counted[word]]


def _drawn(difference: Difference) -> dict[str, Any]:
    """A difference with its interval as shares of what it was before; None where that was 0."""
    kind, subject, metric = parts(difference.name)
    old, measured = difference.before.value, difference.difference
    scale = abs(old) if old else None
    return {
        "kind": kind,
        "subject": clean(subject),
        "metric": metric.replace("p999", "p99.9").replace("_", " "),
        "before": figure(old, difference.unit),
        "after": figure(difference.after.value, difference.unit),
        "text": change(difference),
        "relative": relative(difference),
        "verdict": difference.verdict,
        "word": WORDS[difference.verdict][0],
        "bar": None if scale is None or measured.value is None or measured.low is None or measured.high is None else
        [short(measured.low / scale), short(measured.value / scale), short(measured.high / scale)],
    }


def _row(difference: Difference) -> list[str]:
    kind, subject, metric = parts(difference.name)
    unit = difference.unit
    return [
        kind, subject, metric.replace("p999", "p99.9").replace("_", " "), figure(difference.before.value, unit),
        figure(difference.after.value, unit), change(difference), relative(difference), WORDS[difference.verdict][0],
    ]
