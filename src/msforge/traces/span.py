"""A span, whatever format it came in or goes out in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""By OTLP's numbers."""

EPOCH: Final = 946_684_800_000_000_000
"""Unix time (ns) at which simulated time 0 is exported: 2000-01-01 00:00 UTC, so that nobody takes it for measured."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that this one follows from, in the same trace or another; lower-case hex."""

    trace: str
    span: str


@dataclass(slots=True)
class Span:
    """A span. Ids are lower-case hex (32 and 16 digits), times ns since 1970; `parent` is "" for a root."""

    trace: str
    span: str
    parent: str
    name: str
    kind: str                     # one of KINDS
    begin: int
    end: int
    service: str                  # the resource's service.name
    failed: bool = False          # the status is an error
    message: str = ""             # the status' text
    state: str = ""               # W3C tracestate
    attributes: dict[str, Value] = field(default_factory=dict)
    resource: dict[str, Value] = field(default_factory=dict)  # besides service.name
    links: tuple[Link, ...] = ()

    @property
    def took(self) -> int:
        """How long it lasted, ns."""
        return self.end - self.begin
