"""Spans in, a draft out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msforge.draft.forest import Forest
from msforge.draft.notes import Notes
from msforge.draft.system import Maker
from msforge.draft.text import text_of
from msforge.draft.walk import walk
from msforge.traces import Span

GUESSED = (
    "Guessed: which services take part, the order of calls, the distributions and the rates, from what was seen.",
    "Not to be seen in traces: threads, queues and connections (unlimited here, so nothing waits that did not wait",
    "then), CPU, timeouts that were never hit, retries that were never needed. Set them before you ask what if.",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A description as YAML text, and what is doubtful about it."""

    text: str
    warnings: list[str]
    services: int
    spans: int
    traces: int


def draft(spans: Sequence[Span], *, origin: str, warnings: Sequence[str] = ()) -> Draft:
    """The draft of a system whose traces these are; at least one span. `origin` says where they came from."""
    notes = Notes()
    for warning in warnings:
        notes.add(warning)
    traces = len({span.trace for span in spans})
    system = Maker(walk(Forest(list(spans), notes), notes), notes).make()
    header = [
        f"A draft, made by `msforge import` out of {len(spans):,} spans in {traces:,} traces ({origin}).", *GUESSED,
    ]
    lines = notes.lines()
    if lines:
        header += ["", "Doubtful:", *(f"- {line}" for line in lines)]
    return Draft(text_of(system, header), lines, len(system.services), len(spans), traces)
