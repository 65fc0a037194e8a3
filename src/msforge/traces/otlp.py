"""OTLP/JSON, as OpenTelemetry's exporters and the collector's file exporter write it.

The JSON form of `opentelemetry.proto.trace.v1.TracesData`: ids in hex, 64-bit integers as strings, kinds and status
codes as numbers. A file of the collector has one such object a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msforge.traces.decode import Reader, hex_id, mapping, sequence, text, unix_nanos
from msforge.traces.span import KINDS, Link, Span, Value

ERROR = 2
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}\Z")  # of 64 bits
SAMPLED = 0x101  # flags of a span: the trace is sampled; its parent is known not to be remote


def to_otlp(spans: Iterable[Span], *, scope: str, version: str) -> str:
    """One TracesData object: a resource per service and replica, in order of appearance. Ends with a newline."""
    groups: dict[tuple[Any, ...], list[Span]] = {}
    for span in spans:
        groups.setdefault((span.service, *span.resource.items()), []).append(span)
    resources = [
        {
            "resource": {"attributes": _pairs({"service.name": members[0].service, **members[0].resource})},
            "scopeSpans": [{"scope": {"name": scope, "version": version}, "spans": [_span(one) for one in members]}],
        }
        for members in groups.values()
    ]
    return json.dumps({"resourceSpans": resources}, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _span(span: Span) -> dict[str, Any]:
    plain: dict[str, Any] = {"traceId": span.trace, "spanId": span.span}
    if span.state:
        plain["traceState"] = span.state
    if span.parent:
        plain["parentSpanId"] = span.parent
    plain |= {
        "flags": SAMPLED, "name": span.name, "kind": KINDS.index(span.kind),
        "startTimeUnixNano": str(span.begin), "endTimeUnixNano": str(span.end),
        "attributes": _pairs(span.attributes),
    }
    if span.links:
        plain["links"] = [{"traceId": link.trace, "spanId": link.span} for link in span.links]
    plain["status"] = {"code": ERROR, **({"message": span.message} if span.message else {})} if span.failed else {}
    return plain


def _pairs(attributes: dict[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def is_otlp(plain: Any) -> bool:
    """Whether this is a TracesData object (or an export request, which looks the same)."""
    return isinstance(plain, dict) and ("resourceSpans" in plain or "resource_spans" in plain)


def spans_of(plain: Any, reader: Reader) -> Iterator[Span]:
    """The spans of a TracesData object; what makes no sense is told to `reader` and left out."""
    for group in sequence(_key(mapping(plain), "resourceSpans"), reader):
        resource = _attributes(mapping(mapping(group).get("resource")).get("attributes"), reader)
        service = text(resource.pop("service.name", ""))
        scopes = _key(mapping(group), "scopeSpans") or mapping(group).get("instrumentationLibrarySpans")
        for scope in sequence(scopes, reader):
            for one in sequence(mapping(scope).get("spans"), reader):
                span = reader.keep(_read_span(mapping(one), service, resource, reader))
                if span is not None:
                    yield span


def _read_span(plain: dict[str, Any], service: str, resource: dict[str, Value], reader: Reader) -> Span | None:
    trace, span = hex_id(_key(plain, "traceId"), 32), hex_id(_key(plain, "spanId"), 16)
    if not trace or not span:
        reader.drop("a span without a valid trace or span id")
        return None
    begin, end = unix_nanos(_key(plain, "startTimeUnixNano")), unix_nanos(_key(plain, "endTimeUnixNano"))
    if begin is None or end is None:
        reader.drop("a span without valid times")
        return None
    status = mapping(plain.get("status"))
    links = [mapping(link) for link in sequence(plain.get("links"), reader)]
    return Span(
        trace, span, hex_id(_key(plain, "parentSpanId"), 16), text(plain.get("name")), _kind(plain.get("kind")),
        begin, end, service, failed=status.get("code") in (ERROR, "STATUS_CODE_ERROR"),
        message=text(status.get("message")), state=text(_key(plain, "traceState")),
        attributes=_attributes(plain.get("attributes"), reader), resource=resource,
        links=tuple(
            Link(hex_id(_key(link, "traceId"), 32), hex_id(_key(link, "spanId"), 16)) for link in links
        ),
    )


def _key(plain: dict[str, Any], name: str) -> Any:
    """A field by its JSON name, or by the one in the .proto file, which JSON may use too."""
    if name in plain:
        return plain[name]
    return plain.get("".join(f"_{char.lower()}" if char.isupper() else char for char in name))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        value = value.removeprefix("SPAN_KIND_").lower()
        return value if value in KINDS else "unspecified"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(KINDS):
        return KINDS[value]
    return "unspecified"


def _attributes(pairs: Any, reader: Reader) -> dict[str, Value]:
    """Attributes with plain values; lists and maps are of no use here."""
    found: dict[str, Value] = {}
    for pair in sequence(pairs, reader):
        value = mapping(mapping(pair).get("value"))
        key = text(mapping(pair).get("key"))
        for kind, plain in value.items():
            if kind in ("intValue", "int_value") and isinstance(plain, str) and _INTEGER.match(plain):
                plain = int(plain)
            if isinstance(plain, str | int | float):
                found[key] = text(plain) if isinstance(plain, str) else plain
    return found
