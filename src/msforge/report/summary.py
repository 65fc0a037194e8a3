"""The summary of a run, in the order a person asks: verdict, where, when, why, what to try, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from msforge.report.notes import closing, notes
from msforge.report.story import advice, where, why
from msforge.report.tables import tables
from msforge.report.timeline import when
from msforge.report.verdict import head, objectives
from msforge.results.result import Result


def summary(result: Result, width: int) -> Iterator[RenderableType]:
    """The parts of the summary for a console of `width` columns."""
    yield from head(result)
    yield from objectives(result)
    yield from where(result, width)
    yield from when(result, width)
    yield from why(result)
    yield from advice(result)
    yield from tables(result, width)
    yield from notes(result)
    yield from closing(result)
