"""Traced requests as waterfalls: the slowest, the median, one of each failure; or the slowest of a random sample."""

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
    """Waterfalls of traced requests, at most MOST answered ones from the slowest, then at most MOST failed ones."""
    groups: dict[tuple[int, str, int], list[Trace]] = defaultdict(list)
    for span in result.traces:
        groups[span.replication, span.source, span.number].append(span)
    roots = [(next((span for span in spans if span.parent < 0), None), spans) for spans in groups.values()]
    whole = sorted(((root, spans) for root, spans in roots if root is not None), key=lambda one: -_took(one[0]))
    answered = [one for one in whole if one[0].outcome in ANSWERED]
    failed = [one for one in whole if one[0].outcome not in ANSWERED]
    drawn = [_waterfall(root, spans) for root, spans in (*answered[:MOST], *failed[:MOST])]
    named: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in drawn:
        if one["outcome"] in ANSWERED:
            one["title"] = f"{duration(one['answer'])} at {one['target']}"
            named[one["target"]].append(one)
    for same in named.values() if not any(span.sampled for span in result.traces) else ():
        for one, word in zip(same, ("slowest", "median"), strict=False):
            one["title"] = f"{word} of {one['target']}"
    return drawn


def _took(root: Trace) -> int:
    return root.end - root.begin


def _waterfall(root: Trace, spans: list[Trace]) -> dict[str, Any]:
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
        f"{duration(_took(root))}, {words(root.outcome)}",
        "length": max(*(span.end - root.begin for _, span in ordered), 1),
        "answer": _took(root),
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
