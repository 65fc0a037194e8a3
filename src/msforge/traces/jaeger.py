"""Jaeger's own JSON, as its user interface and its query API give it: `{"data": [{traceID, spans, processes}]}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msforge.traces.decode import Reader, hex_id, mapping, micros, sequence, text
from msforge.traces.span import KINDS, Link, Span, Value

CHILD_OF = "CHILD_OF"


def is_jaeger(plain: Any) -> bool:
    """Whether this is an answer of Jaeger's API, or one trace out of it."""
    if not isinstance(plain, dict):
        return False
    if "processes" in plain and "spans" in plain:
        return True
    data = plain.get("data")
    return isinstance(data, list) and (not data or "spans" in mapping(data[0]))


def spans_of(plain: Any, reader: Reader) -> Iterator[Span]:
    """The spans of all traces."""
    traces = [plain] if "spans" in mapping(plain) else sequence(mapping(plain).get("data"), reader)
    for trace in traces:
        processes = mapping(mapping(trace).get("processes"))
        for one in sequence(mapping(trace).get("spans"), reader):
            span = reader.keep(_read_span(mapping(one), processes, reader))
            if span is not None:
                yield span


def _read_span(plain: dict[str, Any], processes: dict[str, Any], reader: Reader) -> Span | None:
    trace, span = hex_id(plain.get("traceID"), 32), hex_id(plain.get("spanID"), 16)
    if not trace or not span:
        reader.drop("a span without a valid trace or span id")
        return None
    begin, took = micros(plain.get("startTime")), micros(plain.get("duration"))
    if begin is None:
        reader.drop("a span without valid times")
        return None
    if took is None:
        reader.mended["a span without a valid duration: taken as 0 s long"] += 1
    inner = mapping(plain.get("process")) or mapping(processes.get(text(plain.get("processID"))))
    tags = _tags(plain.get("tags"), reader)
    references = [mapping(one) for one in sequence(plain.get("references"), reader)]
    parent = next((_span_id(one) for one in references if _parental(one, trace)), "")
    parent = parent or hex_id(plain.get("parentSpanID"), 16)
    kind = str(tags.pop("span.kind", "internal"))
    others = [one for one in references if not _parental(one, trace)]
    failed = tags.pop("error", False) in (True, "true") or tags.pop("otel.status_code", "") == "ERROR"
    return Span(
        trace, span, parent, text(plain.get("operationName")), kind if kind in KINDS else "unspecified",
        begin, begin + (took or 0), text(inner.get("serviceName")), failed=failed,
        message=text(tags.pop("otel.status_description", "")), state=text(tags.pop("w3c.tracestate", "")),
        attributes=tags, resource=_tags(inner.get("tags"), reader),
        links=tuple(Link(hex_id(one.get("traceID"), 32), _span_id(one)) for one in others),
    )


def _parental(reference: dict[str, Any], trace: str) -> bool:
    return reference.get("refType", CHILD_OF) == CHILD_OF and hex_id(reference.get("traceID"), 32) in ("", trace)


def _span_id(reference: dict[str, Any]) -> str:
    return hex_id(reference.get("spanID"), 16)


def _tags(tags: Any, reader: Reader) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for tag in sequence(tags, reader):
        value = mapping(tag).get("value")
        if isinstance(value, str | int | float):
            found[text(mapping(tag).get("key"))] = text(value) if isinstance(value, str) else value
    return found
