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
    """Waterfalls of traced requests, at most MOST answered ones from the slowest, then at most MOST failed ones.

    A journey is one trace and several requests, each with a waterfall of its own.
    """
    groups: dict[tuple[int, str, int], list[Trace]] = defaultdict(list)
    for span in result.traces:
        groups[span.replication, span.source, span.number].append(span)
    whole = sorted((one for spans in groups.values() for one in _requests(spans)), key=lambda one: -_took(one[0]))
    answered = [one for one in whole if one[0].outcome in ANSWERED]
    failed = [one for one in whole if one[0].outcome not in ANSWERED]
    names = _names(result, [root for root, _ in answered])
    drawn = [(root, spans) for root, spans in answered if id(root) in names][:MOST] + failed[:MOST]
    return [_waterfall(root, spans, names.get(id(root), words(root.outcome))) for root, spans in drawn]


def _requests(spans: list[Trace]) -> Iterator[tuple[Trace, list[Trace]]]:
    """Each request of a trace with its spans: what a client sent, and everything below."""
    roots = sorted((span for span in spans if span.parent < 0), key=lambda span: span.begin)
    if len(roots) < 2:
        yield from ((root, spans) for root in roots)
        return
    known = {span.span: span for span in spans if span.parent >= 0}
    parts: dict[int, list[Trace]] = {id(root): [root] for root in roots}
    for span in known.values():
        top = span
        for _ in known:  # no longer: a span that is its own ancestor leads nowhere
            if top.parent not in known:
                break
            top = known[top.parent]
        before = [root for root in roots if root.begin <= top.begin]
        parts[id(before[-1] if before else roots[0])].append(span)
    yield from ((root, parts[id(root)]) for root in roots)


def _names(result: Result, roots: list[Trace]) -> dict[int, str]:
    """By id(root), what each answered request is, of `roots` from the slowest; others of a journey have no name.

    Of chosen requests the slowest of its kind and the one next to the median; of a random sample how long each took.
    """
    if any(span.sampled for span in result.traces):
        return {id(root): duration(_took(root)) for root in roots}
    medians = {entry.name: entry.answered.p50.value for entry in result.entries}
    kinds: dict[str, list[Trace]] = defaultdict(list)
    for root in roots:
        kinds[f"{root.source} -> {root.name}"].append(root)
    found: dict[int, str] = {}
    for kind, same in kinds.items():
        found[id(same[0])] = "slowest"
        middle = medians.get(kind)
        off = [abs(_took(root) - middle) if middle is not None else 0.0 for root in same[1:]]
        if off:
            found[id(same[1 + off.index(min(off))])] = "median"
    return found


def _took(root: Trace) -> int:
    return root.end - root.begin


def _waterfall(root: Trace, spans: list[Trace], name: str) -> dict[str, Any]:
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
        "title": f"{name} {'of' if name in ('slowest', 'median') else 'at'} {target}",
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
