"""What the spans say, request by request: visits of endpoints, and what each of them did."""

from __future__ import annotations

from dataclasses import dataclass, field

from msforge.draft.naming import Operation
from msforge.traces import Span

Target = tuple[str, str]
"""Of a call (service, operation's key), of a store or channel (its key, "")."""


@dataclass(slots=True)
class Item:
    """Something a visit did: a `call`, a `read`, `write` or `publish`. Times in ns."""

    kind: str
    target: Target
    begin: int
    end: int
    failed: bool = False
    timed_out: bool = False
    tries: int = 1
    pause: int = 0                # ns between tries
    client: Span | None = None    # its own span, where there is one
    single: int = 0               # ns of its last try

    @property
    def label(self) -> tuple[str, Target]:
        """What it is, without when."""
        return self.kind, self.target


@dataclass(slots=True)
class Visit:
    """A request at an endpoint, or a message at a consumer. Times in ns; `queue` is waiting for a thread, if known."""

    service: str
    operation: Operation
    begin: int
    end: int
    failed: bool
    weight: float                 # requests it stands for: 1 / the probability that it was sampled
    channel: str = ""             # of a consumer
    instance: str = ""
    queue: int = 0
    items: list[Item] = field(default_factory=list)

    @property
    def key(self) -> Target:
        """Which endpoint."""
        return self.service, self.operation.key


@dataclass(slots=True)
class Entry:
    """A request from outside."""

    source: str                   # who sent it; "" when nobody said
    target: Target
    begin: int
    weight: float


@dataclass
class Seen:
    """All of it."""

    visits: list[Visit] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    external: dict[Target, Operation] = field(default_factory=dict)  # called, but never heard of itself
    answers: dict[Target, list[Item]] = field(default_factory=dict)  # calls of those
    hops: list[int] = field(default_factory=list)                    # ns, one way
    stores: dict[str, str] = field(default_factory=dict)             # key -> database system
    channels: dict[str, str] = field(default_factory=dict)           # key -> messaging system
    namespace: str = ""
