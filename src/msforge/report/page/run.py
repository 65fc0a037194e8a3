"""A run's page: one document that holds every number and every word that it shows."""

from __future__ import annotations

from typing import Any

from msforge.report.notes import indistinct
from msforge.report.page.html import filled
from msforge.report.page.load import picture, rows
from msforge.report.page.marks import marks
from msforge.report.page.numbers import MOST, channel_sheet, cost_sheet, request_sheets, service_sheets, storm_figures
from msforge.report.page.over_time import Clock, entry, time_of
from msforge.report.page.sheets import sheet
from msforge.report.page.slow import slow
from msforge.report.page.traces import traces
from msforge.report.page.verdict import facts, verdict
from msforge.report.text import clean
from msforge.results.result import Result


def run_page(result: Result, command: str) -> str:
    """The HTML file of one Result; `command` is what repeats it. Raises UsageError without the browser side."""
    title = clean(result.system, limit=60) + (f", {clean(result.scenario, limit=60)}" if result.scenario else "")
    return filled(run_document(result, command), f"{title} - msforge")


def run_document(result: Result, command: str) -> dict[str, Any]:
    """What the page draws."""
    clock = Clock(result)
    series = result.series
    return {
        "kind": "run",
        "system": clean(result.system),
        "scenario": clean(result.scenario),
        "facts": facts(result),
        "verdict": verdict(result),
        "time": time_of(result, clock),
        "graph": picture(result, clock),
        "entries": [entry(e, clock) for e in series.entries],
        "requests": request_sheets(result),
        "rows": rows(result, clock),
        "services": service_sheets(result),
        "storm": storm_figures(result, clock),
        "slow": slow(result),
        "traces": traces(result),
        "marks": marks(result, clock),
        "channels": [
            {"name": clean(c.name), "backlog": clock.most(c.backlog), "age": clock.most(c.age),
             "published": clock.rate(c.published), "done": clock.rate(c.done)}
            for c in series.channels
        ],
        "channelTable": channel_sheet(result),
        "cost": cost_sheet(result),
        "notes": _notes(result),
        "repeat": repeat(result, command),
    }


def repeat(result: Result, command: str) -> dict[str, Any]:
    """How to have the very same numbers again."""
    return {
        "command": clean(command),
        "facts": [
            ["system", clean(result.system)],
            ["scenario", clean(result.scenario) or "none"],
            ["seed", str(result.seed)],
            ["replications", f"{result.replications:,}"],
            ["msforge", clean(result.engine)],
            ["description (sha256)", clean(result.digest)],
        ],
    }


def _notes(result: Result) -> dict[str, Any]:
    said = [result.intervals.text, result.percentiles, *indistinct(result.plan or {})]
    return {
        "said": [clean(text) for text in said if text],
        "checks": sheet(
            "Laws that the measurements must obey",
            ("law", "at", "from areas", "from requests", "off by", "holds"),
            [(c.law.replace("_", " "), c.name, f"{c.left:.4g}", f"{c.right:.4g}", f"{c.residual:.2%}",
              "yes" if c.holds else "no") for c in sorted(result.checks, key=lambda c: c.holds)[:MOST]],
            names=2,
        ),
    }
