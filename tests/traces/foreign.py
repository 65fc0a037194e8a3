"""The same spans as other tools write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msforge.traces import Span


def jaeger(spans: Iterable[Span]) -> dict[str, Any]:
    """What Jaeger's API answers. Its times are whole µs."""
    traces: dict[str, dict[str, Any]] = {}
    for span in spans:
        trace = traces.setdefault(span.trace, {"traceID": span.trace, "spans": [], "processes": {}, "warnings": None})
        process = f"p-{span.service}-{span.resource.get('service.instance.id', '')}"
        trace["processes"].setdefault(process, {"serviceName": span.service, "tags": [
            {"key": key, "type": "string", "value": value} for key, value in span.resource.items()
        ]})
        references = [{"refType": "CHILD_OF", "traceID": span.trace, "spanID": span.parent}] if span.parent else []
        references += [{"refType": "FOLLOWS_FROM", "traceID": link.trace, "spanID": link.span} for link in span.links]
        tags: list[dict[str, Any]] = [
            {"key": key, "type": "int64" if isinstance(value, int) else "string", "value": value}
            for key, value in span.attributes.items()
        ]
        tags.append({"key": "span.kind", "type": "string", "value": span.kind})
        if span.failed:
            tags.append({"key": "error", "type": "bool", "value": True})
        trace["spans"].append({
            "traceID": span.trace, "spanID": span.span, "operationName": span.name, "references": references,
            "startTime": span.begin // 1000, "duration": span.end // 1000 - span.begin // 1000, "tags": tags,
            "logs": [], "processID": process, "warnings": None,
        })
    return {"data": list(traces.values()), "total": 0, "limit": 0, "offset": 0, "errors": None}


def zipkin(spans: Iterable[Span], *, shared: bool = False) -> list[dict[str, Any]]:
    """What Zipkin's API takes; a message's span is its publisher's child. `shared`: both sides of a call are one."""
    of = {(span.trace, span.span): span for span in spans}
    found = []
    for span in of.values():
        parent, id = span.parent or (span.links[0].span if span.links else ""), span.span
        above = of.get((span.trace, parent))
        plain: dict[str, Any] = {
            "traceId": span.trace, "name": span.name.lower() if span.kind == "internal" else span.name,
            "timestamp": span.begin // 1000, "duration": max(1, span.end // 1000 - span.begin // 1000),
            "localEndpoint": {"serviceName": span.service},
            "tags": {key: str(value) for key, value in span.attributes.items()},
        }
        if shared and span.kind == "server" and above is not None and above.kind == "client":
            id, parent = above.span, above.parent
            plain["shared"] = True
        elif shared and above is not None and above.kind == "server":
            over = of.get((span.trace, above.parent))
            parent = over.span if over is not None and over.kind == "client" else parent
        if span.kind != "internal":
            plain["kind"] = span.kind.upper()
        if span.failed:
            plain["tags"]["error"] = span.message or "true"
        found.append(plain | {"id": id} | ({"parentId": parent} if parent else {}))
    return found
