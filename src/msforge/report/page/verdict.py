"""The verdict: objectives with how far they were from their limits, the story, what to try, what to know first."""

from __future__ import annotations

from typing import Any

from msforge.report.page.sheets import short
from msforge.report.story import told
from msforge.report.text import clean, clean_lines, duration, figure, moment, plural
from msforge.report.verdict import judged, with_interval
from msforge.results.result import ObjectiveResult, Result


def verdict(result: Result) -> dict[str, Any]:
    """State (`good`, `bad`, `none`), a line to say it, the objectives, and the story's sentences."""
    missed = sum(not o.met for o in result.objectives)
    total = len(result.objectives)
    state = "none" if not total else "bad" if missed else "good"
    line = {
        "none": "No objectives in the file",
        "bad": f"{missed} of {plural(total, 'objective')} missed",
        "good": "The objective is met" if total == 1 else f"All {total} objectives are met",
    }[state]
    story = result.story
    return {
        "state": state,
        "line": line,
        "objectives": [_objective(o) for o in result.objectives],
        "headline": clean(story.headline),
        "told": [clean(text) for text in told(story)],
        "others": [f"{clean(s.name)}: {clean(s.symptom)}" for s in story.suspects[1:4]],
        "decided": story.decided,
        "advice": [clean(idea) for suspect in story.suspects[:1] for idea in suspect.advice],
        "warnings": [clean_lines(note) for note in result.notes] + [clean_lines(u.text) for u in result.unstable],
        "entries": [_entry(t) for t in result.entries],
    }


def _objective(objective: ObjectiveResult) -> dict[str, Any]:
    measured = objective.measured
    return {
        "subject": clean(objective.subject),
        "text": clean(objective.text),
        "measured": with_interval(objective),
        "met": objective.met,
        "word": judged(objective).plain,
        "less": objective.less,
        "bar": _bar(objective),
        "limit": figure(objective.limit, objective.unit),
        "value": short(measured.value),
    }


def _bar(objective: ObjectiveResult) -> dict[str, float | int | None] | None:
    """Where limit, value and interval stand on a scale from 0 to 1; success and availability show their last part."""
    value, low, high = objective.measured.value, objective.measured.low, objective.measured.high
    if value is None:
        return None
    points = [objective.limit, value, low if low is not None else value, high if high is not None else value]
    if objective.unit == "ratio" and not objective.less:
        begin, end = max(0.0, 1 - 1.25 * (1 - min(points))), 1.0
    else:
        begin, end = 0.0, max(points) * 1.15
    span = (end - begin) or 1.0
    places = [short(min(max((point - begin) / span, 0.0), 1.0)) for point in points]
    return dict(zip(("limit", "value", "low", "high"), places, strict=True))


def _entry(traffic: Any) -> dict[str, str]:
    """The four numbers that everyone asks for first."""
    return {
        "name": clean(traffic.name.split(" -> ")[-1]),
        "rate": figure(traffic.counts.rate.value, "per_second"),
        "success": figure(traffic.counts.success.value, "ratio"),
        "p50": duration(traffic.answered.p50.value),
        "p99": duration(traffic.answered.p99.value),
    }


def facts(result: Result) -> list[list[str]]:
    """What ran, in pairs of words: for the top and for whoever wants to run it again."""
    return [
        ["seed", str(result.seed)],
        ["replications", f"{result.replications:,} of {moment(result.duration)}"],
        ["measured", f"{moment(result.span.begin)} to {moment(result.span.end)}"
         + (", a window" if result.windowed else "")],
        ["requests", f"{sum(e.counts.arrivals for e in result.entries):,}"],
    ]
