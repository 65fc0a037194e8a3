"""Zipkin's JSON, version 2: a list of spans, or (as its API gives it) a list of such lists.

A span that both sides report under one id (`shared`) becomes two: the server's has its own id, below the client's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msforge.traces.decode import Reader, hex_id, mapping, micros, sequence, text
from msforge.traces.span import Link, Span, Value

KIND = {"SERVER": "server", "CLIENT": "client", "PRODUCER": "producer", "CONSUMER": "consumer"}
SERVERS_OWN = 0x5A5A5A5A5A5A5A5A  # makes the id of the server's half out of the shared one


def is_zipkin(plain: Any) -> bool:
    """Whether this is a list of Zipkin's spans, or of lists of them."""
    if not isinstance(plain, list):
        return False
    first = plain[0] if plain else {}
    if isinstance(first, list):
        first = first[0] if first else {"traceId": ""}
    return not plain or (isinstance(first, dict) and "traceId" in first)


def spans_of(plain: Any, reader: Reader) -> Iterator[Span]:
    """The spans of all traces."""
    found: list[dict[str, Any]] = []
    for one in sequence(plain, reader):
        found += [mapping(inner) for inner in one] if isinstance(one, list) else [mapping(one)]
    shared = {_ids(one) for one in found if one.get("shared") is True}
    served: set[tuple[str, str]] = set()
    for one in found:  # what the server's half called hangs below it
        if _ids(one) in shared and one.get("kind") == "SERVER":
            served.add(_ids(one))
    for one in found:
        span = reader.keep(_read_span(one, served, reader))
        if span is not None:
            yield span


def _ids(plain: dict[str, Any]) -> tuple[str, str]:
    return hex_id(plain.get("traceId"), 32), hex_id(plain.get("id"), 16)


def _read_span(plain: dict[str, Any], shared: set[tuple[str, str]], reader: Reader) -> Span | None:
    trace, span = _ids(plain)
    if not trace or not span:
        reader.drop("a span without a valid trace or span id")
        return None
    begin, took = micros(plain.get("timestamp")), micros(plain.get("duration"))
    if begin is None:
        reader.drop("a span without valid times")
        return None
    if took is None:
        reader.mended["a span without a valid duration: taken as 0 s long"] += 1
    kind = KIND.get(text(plain.get("kind")), "internal")
    parent = hex_id(plain.get("parentId"), 16)
    if (trace, span) in shared and kind == "server":
        span, parent = _halved(span), span
    elif (trace, parent) in shared:
        parent = _halved(parent)
    tags: dict[str, Value] = {
        text(key): text(value) for key, value in mapping(plain.get("tags")).items() if isinstance(value, str)
    }
    remote = text(mapping(plain.get("remoteEndpoint")).get("serviceName"))
    if remote:
        tags.setdefault("peer.service", remote)
    said = tags.pop("error", None)
    links = () if kind != "consumer" or not parent else (Link(trace, parent),)
    return Span(
        trace, span, parent, text(plain.get("name")), kind, begin, begin + (took or 0),
        text(mapping(plain.get("localEndpoint")).get("serviceName")), failed=said is not None or
        tags.pop("otel.status_code", "") == "ERROR", message=str(said or ""), attributes=tags, links=links,
    )


def _halved(span: str) -> str:
    return f"{int(span, 16) ^ SERVERS_OWN:016x}"
