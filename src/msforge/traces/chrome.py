"""Chrome's trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

A replica is a process, its lanes are threads: spans on one lane nest, what happens at the same time has another. Arrows
go from callers to who served them, and from publishers to consumers. Times are µs since the trace's epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from msforge.traces.span import EPOCH, Span


def to_chrome(spans: Iterable[Span]) -> str:
    """One object with `traceEvents`, in order of process, lane and time. Ends with a newline."""
    ordered = sorted(spans, key=lambda span: (span.begin, -span.end, span.trace, span.span))
    processes: dict[str, int] = {}
    lanes: dict[int, list[list[Span]]] = {}
    placed: dict[tuple[str, str], tuple[int, int, Span]] = {}
    for span in ordered:
        process = processes.setdefault(str(span.resource.get("service.instance.id", span.service)), len(processes) + 1)
        lane = _lane(lanes.setdefault(process, []), span)
        placed[span.trace, span.span] = (process, lane, span)
    events = [_called(name, process) for name, process in processes.items()]
    events += [_complete(*at) for at in placed.values()]
    for process, lane, span in placed.values():
        before = [placed.get((link.trace, link.span)) for link in span.links] or [placed.get((span.trace, span.parent))]
        for found in before:
            if found is not None and found[0] != process:
                events += _arrow(found, (process, lane, span), len(events))
    return json.dumps(
        {"traceEvents": events, "displayTimeUnit": "ms"}, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ) + "\n"


def _lane(lanes: list[list[Span]], span: Span) -> int:
    """The first lane where it nests: what is open there holds it whole."""
    for number, open_spans in enumerate(lanes):
        while open_spans and open_spans[-1].end <= span.begin:
            open_spans.pop()
        if not open_spans or (open_spans[-1].trace == span.trace and open_spans[-1].end >= span.end):
            open_spans.append(span)
            return number
    lanes.append([span])
    return len(lanes) - 1


def _called(name: str, process: int) -> dict[str, Any]:
    return {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}


def _micros(time: int) -> float:
    return round((time - EPOCH) / 1000, 3)


def _complete(process: int, lane: int, span: Span) -> dict[str, Any]:
    said = {**span.attributes, "trace": span.trace, **({"error": span.message or True} if span.failed else {})}
    return {
        "ph": "X", "name": span.name, "cat": span.kind, "pid": process, "tid": lane, "ts": _micros(span.begin),
        "dur": round(span.took / 1000, 3), "args": said, **({"cname": "terrible"} if span.failed else {}),
    }


def _arrow(source: tuple[int, int, Span], target: tuple[int, int, Span], number: int) -> list[dict[str, Any]]:
    """From within one span to the begin of another."""
    leaves = min(max(source[2].begin, min(source[2].end, target[2].begin)), target[2].begin)
    common = {"name": "calls" if target[2].kind == "server" else "messages", "cat": "flow", "id": number}
    return [
        {"ph": "s", **common, "pid": source[0], "tid": source[1], "ts": _micros(leaves)},
        {"ph": "f", "bp": "e", **common, "pid": target[0], "tid": target[1], "ts": _micros(target[2].begin)},
    ]
