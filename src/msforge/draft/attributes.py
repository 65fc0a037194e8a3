"""What a span's attributes say, in today's words of OpenTelemetry's conventions and in those of before."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msforge.traces import Span

READS = re.compile(
    r"(select|get|m?get|h(m?get|getall)|find|read|scan|query|count|aggregate|exists|fetch|show|describe|list)", re.I
)
SENDS = ("send", "publish", "create")
SAMPLED = re.compile(r"(?:^|,)ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,]|$)")


def said(span: Span, *keys: str) -> str:
    """The first of these attributes that is a text and not empty."""
    for key in keys:
        value = span.attributes.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def database(span: Span) -> str:
    """The database system of a store's span; "" for others."""
    return said(span, "db.system.name", "db.system", "db.type")


def store_of(span: Span) -> str:
    """Which store: its name or address, or the system alone."""
    return said(span, "db.namespace", "db.name", "db.instance", "server.address", "net.peer.name", "peer.service") or (
        database(span)
    )


def is_write(span: Span) -> bool:
    """Whether an operation changes the store, as far as its name tells."""
    word = said(span, "db.operation.name", "db.operation", "db.query.text", "db.statement") or span.name
    return READS.match(word.strip()) is None


def messaging(span: Span) -> str:
    """The messaging system of a producer's or consumer's span; "" for others."""
    return said(span, "messaging.system")


def channel_of(span: Span) -> str:
    """Which channel."""
    named = said(
        span, "messaging.destination.name", "messaging.destination", "messaging.destination.template",
        "message_bus.destination",
    )
    return named or span.name.rpartition(" ")[2] or "messages"


def is_send(span: Span) -> bool:
    """Whether it hands a message over."""
    operation = said(span, "messaging.operation.type", "messaging.operation", "messaging.operation.name")
    return span.kind == "producer" or (bool(messaging(span)) and operation in SENDS)


def is_poll(span: Span) -> bool:
    """Whether it only fetches messages."""
    return said(span, "messaging.operation.type", "messaging.operation") in ("receive", "poll", "settle", "ack")


def peer_of(span: Span) -> str:
    """Who a client's span was sent to."""
    named = said(span, "peer.service", "server.address", "net.peer.name", "http.host", "net.sock.peer.name")
    if named:
        return named
    try:
        host = urlsplit(said(span, "url.full", "http.url")).hostname
    except ValueError:
        host = None
    return host or said(span, "rpc.service")


def timed_out(span: Span) -> bool:
    """Whether its caller gave up waiting."""
    word = said(span, "error.type", "msforge.outcome", "exception.type").lower()
    return "timeout" in word or "deadline" in word or "timed out" in span.message.lower()


def weight_of(span: Span) -> float:
    """How many requests a span stands for, by the sampling threshold in its `tracestate`; 1 without one."""
    found = SAMPLED.search(span.state)
    if found is None:
        return 1.0
    threshold = int(found[1].ljust(14, "0"), 16)
    return 1.0 / max(1.0 - threshold / 2.0**56, 1e-9)


def instance_of(span: Span) -> str:
    """Which replica."""
    for key in ("service.instance.id", "k8s.pod.name", "host.name", "hostname"):
        value = span.resource.get(key)
        if isinstance(value, str) and value:
            return value
    return ""
