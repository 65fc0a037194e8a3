"""The top of a summary: what ran, what is loudly wrong, and the objectives."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from msforge.report.shapes import heading, indented
from msforge.report.text import clean, clean_lines, figure, moment, plural, rate
from msforge.results.figures import Measured
from msforge.results.result import ObjectiveResult, Result


def head(result: Result) -> Iterator[RenderableType]:
    """Name, scenario, seed, length; then whatever must be known before any figure is read."""
    title = Text(clean(result.system, limit=60), style="bold")
    if result.scenario:
        title.append(" · scenario ", "default").append(clean(result.scenario, limit=40), "bold")
    yield title
    runs = plural(result.replications, "replication")
    yield Text(f"seed {result.seed} · {runs} of {moment(result.duration)} · measured {_span(result)}")
    yield Rule(style="default", characters="─")
    for note in result.notes:
        yield Text.assemble(("⚠ ", "bold yellow"), clean_lines(note))
    for trouble in result.unstable:
        yield Text.assemble(
            ("⚠ ", "bold red"), (clean_lines(trouble.text), "bold red"), f" ({_growth(trouble.low, trouble.high)})"
        )
    if result.unstable:
        yield Text("  Means and percentiles of a system that falls behind depend on how long it ran.", style="red")


def _span(result: Result) -> str:
    begin, end = moment(result.span.begin), moment(result.span.end)
    if result.windowed:
        return f"in the window {begin} to {end}"
    return f"from {begin} to {end}"


def _growth(low: float, high: float) -> str:
    return f"between {rate(low)} and {rate(high)}"


def objectives(result: Result) -> Iterator[RenderableType]:
    """Each objective: a mark, what was wanted, what was measured, and the verdict in a word."""
    yield heading("Objectives")
    if not result.objectives:
        entry = clean(result.entries[0].name.split(" -> ")[-1], limit=30) if result.entries else "service.endpoint"
        yield indented(Text(f"none in the file; to add one: objectives: {{{entry}: [p99 < 800ms]}}"))
        return
    made = Table.grid(padding=(0, 2), pad_edge=False)
    for justify in ("left", "left", "left", "right", "left"):
        made.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
    for objective in result.objectives:
        mark = Text("✓", "bold green") if objective.met else Text("✗", "bold red")
        made.add_row(
            mark,
            clean(objective.subject, limit=30),
            clean(objective.text, limit=24),
            with_interval(objective),
            judged(objective),
        )
    yield indented(made)


def with_interval(objective: ObjectiveResult) -> str:
    """What was measured, with its interval, in the objective's unit."""
    return measured_text(objective.measured, objective.unit)


def measured_text(measured: Measured, unit: str) -> str:
    """A figure and its interval: "412ms ± 20ms", "99.4% ± 0.1%"."""
    if measured.value is None:
        return "nothing measured"
    half = measured.half_width
    return figure(measured.value, unit) + (f" ± {figure(half, unit, 2)}" if half else "")


def judged(objective: ObjectiveResult) -> Text:
    """The verdict in a word or four."""
    word = "met" if objective.met else "missed"
    if objective.measured.value is None:
        return Text("missed", "red")
    if objective.verdict == "unsure":
        return Text(f"{word}, within the noise", "yellow")
    return Text(word, "" if objective.met else "bold red")
