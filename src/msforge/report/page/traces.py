"""Chosen requests as waterfalls: the slowest, the median, one of each failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from msforge.report.page.sheets import words
from msforge.report.text import clean, duration, moment
from msforge.results.result import Result, Trace

WAITING: Final = frozenset(("queue", "backoff"))
"""Spans in which nobody works for the request."""
SPANS: Final = 160
"""Rows of one waterfall; what is left out is said."""
MOST: Final = 10
"""Waterfalls of answered requests, and as many of failed ones; the Result has all that were traced."""
ANSWERED: Final = frozenset(("ok", "degraded"))


def traces(result: Result) -> list[dict[str, Any]]:
    """One waterfall for each traced request, answered ones from the slowest, then the failed."""
    groups: dict[tuple[int, str, int], list[Trace]] = defaultdict(list)
    for span in result.traces:
        groups[span.replication, span.source, span.number].append(span)
    whole = [spans for spans in groups.values() if any(span.parent < 0 for span in spans)]
    drawn = [_waterfall(spans) for spans in whole]
    drawn.sort(key=lambda d: (d["outcome"] not in ANSWERED, -d["answer"]))
    answered: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in drawn:
        if one["outcome"] in ANSWERED:
            answered[one["target"]].append(one)
    for same in answered.values():
        for one, word in zip(same, ("slowest", "median"), strict=False):
            one["title"] = f"{word} of {one['target']}"
    failed = [one for one in drawn if one["outcome"] not in ANSWERED]
    return drawn[: len(drawn) - len(failed)][:MOST] + failed[:MOST]


def _waterfall(spans: list[Trace]) -> dict[str, Any]:
    root = next(span for span in spans if span.parent < 0)
    ordered = list(_ordered(root, spans))
    rows = [
        {
            "depth": depth,
            "name": clean(_name(span)),
            "where": clean(span.service),
            "kind": span.kind,
            "waiting": span.kind in WAITING,
            "begin": span.begin - root.begin,
            "length": span.end - span.begin,
            "text": duration(span.end - span.begin),
            "outcome": words(span.outcome),
            "failed": span.outcome not in ANSWERED,
        }
        for depth, span in ordered[:SPANS]
    ]
    target, source = clean(root.name), clean(root.source)
    return {
        "title": f"{words(root.outcome)} at {target}",
        "target": target,
        "outcome": root.outcome,
        "about": f"request {root.number:,} of {source}, sent at {moment(root.begin)}, "
        f"{duration(root.end - root.begin)}, {words(root.outcome)}",
        "length": max(*(span.end - root.begin for _, span in ordered), 1),
        "answer": root.end - root.begin,
        "rows": rows,
        "left": len(ordered) - len(rows),
    }


def _name(span: Trace) -> str:
    if span.kind == "queue":
        return "waiting for a thread"
    if span.kind == "backoff":
        return "backing off"
    return f"client, {span.name}" if span.kind == "client" else span.name.split("#")[0]


def _ordered(root: Trace, spans: list[Trace]) -> Iterator[tuple[int, Trace]]:
    """The spans as a tree, each after the one around it, and their depths; an orphan hangs on the root."""
    known = {span.span for span in spans}
    below: dict[int, list[Trace]] = defaultdict(list)
    for span in spans:
        if span is not root:
            below[span.parent if span.parent in known and span.parent != span.span else root.span].append(span)
    stack, seen = [(0, root)], set()
    while stack:
        depth, span = stack.pop()
        if span.span in seen:
            continue
        seen.add(span.span)
        yield depth, span
        stack += [(depth + 1, s) for s in sorted(below[span.span], key=lambda s: (-s.begin, -s.span))]
