"""A prediction and what was measured: the verdict, where they part, both over time, both readings of each figure."""

from __future__ import annotations

from typing import Any, Final

from msforge.report.agreement import (
    MOST,
    SECTIONS,
    error_text,
    finding_text,
    interval_text,
    judged,
    metric_of,
    readings_told,
    share_text,
    subject_of,
)
from msforge.report.page.comparison import side
from msforge.report.page.html import filled
from msforge.report.page.run import repeat
from msforge.report.page.sheets import sheet, short
from msforge.report.text import clean, clean_lines, duration, figure, plural
from msforge.results.agreement import AGREES, DISAGREES, Agreement, Reading
from msforge.results.result import Result

STATES: Final = {
    AGREES: ("good", "Predicted and measured agree"),
    DISAGREES: ("bad", "Predicted and measured disagree"),
}
UNDECIDED: Final = ("none", "Inconclusive: the machine spoiled this run")
COLUMNS: Final = ("of", "figure", "measured", "twin", "error", "95 % of runs", "")


def agreement_page(found: Agreement, predicted: Result, measured: Result, command: str) -> str:
    """The HTML file of a verification; `predicted` is the twin. Raises UsageError without the browser side."""
    title = f"{clean(found.system, limit=60)}, predicted and measured - msforge"
    return filled(agreement_document(found, predicted, measured, command), title)


def agreement_document(found: Agreement, predicted: Result, measured: Result, command: str) -> dict[str, Any]:
    """What the page draws."""
    state, line = STATES.get(found.verdict, UNDECIDED)
    return {
        "kind": "agreement",
        "system": clean(found.system),
        "scenario": clean(found.scenario),
        "labels": ["predicted", "measured"],
        "facts": [
            ["seed", str(found.seed)],
            ["simulated", plural(found.replications + 1, "time")],
            ["slow motion", f"{found.scale:g} times" if found.scale != 1 else "none"],
            ["requests, one by one", f"{sum(pairs.count for pairs in found.pairs):,}"],
        ],
        "state": state,
        "line": line,
        "reasons": [clean_lines(reason) for reason in found.reasons],
        "notes": [clean_lines(note) for note in found.notes],
        "findings": [clean_lines(finding_text(finding)) for finding in found.findings[:MOST]],
        "told": [clean_lines(text) for text in readings_told(found)],
        "shares": [
            {"text": share_text(share), "share": short(share.machine / share.whole if share.whole else 0.0)}
            for share in found.machine
        ],
        "sides": [side(predicted), side(measured)],
        "readings": [_drawn(r) for r in found.readings if r.name.startswith("entry/") or r.differs],
        "tables": [
            sheet(words, COLUMNS, [_row(r) for r in found.readings if r.name.partition("/")[0] == kind], names=2)
            for kind, words in SECTIONS
        ],
        "traces": [_trace(trace) for trace in found.traces],
        "repeat": repeat(measured, command),
    }


def _drawn(r: Reading) -> dict[str, Any]:
    """A figure with its interval, its twin and what was measured, as shares of the way from the least to the most."""
    points = [r.measured, r.twin, *(v for v in (r.low, r.high) if v is not None)]
    begin, end = min(points), max(points)
    margin = (end - begin) * 0.08 or abs(end) * 0.08 or 1.0

    def at(value: float | None) -> float | int | None:
        return None if value is None else short((value - begin + margin) / (end - begin + 2 * margin))

    return {
        "subject": clean(subject_of(r)),
        "metric": metric_of(r),
        "measured": figure(r.measured, r.unit),
        "twin": figure(r.twin, r.unit),
        "text": error_text(r),
        "interval": interval_text(r),
        "word": judged(r).plain,
        "state": "worse" if r.differs else "better" if r.inside else "unsure",
        "bar": {"low": at(r.low), "high": at(r.high), "twin": at(r.twin), "measured": at(r.measured)},
    }


def _row(r: Reading) -> tuple[str, ...]:
    return (subject_of(r), metric_of(r), figure(r.measured, r.unit), figure(r.twin, r.unit), error_text(r),
            interval_text(r), judged(r).plain)


def _trace(trace: dict[str, Any]) -> dict[str, Any]:
    return sheet(
        f"Request {trace['number']} of {clean(str(trace['source']), limit=40)}, in both",
        ("", "visit", "begins", "waits", "takes", "ends"),
        [(visit["side"], visit["name"], duration(visit["begin"]), duration(visit["waited"]), duration(visit["took"]),
          visit["outcome"]) for visit in trace["visits"]],
        names=2,
    )
