"""What `explain` returns: plain frozen tables, times in nanoseconds, None where a value has no bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Level:
    """A load at which everything is worked out."""

    name: str                     # steady | base | peak
    time: int                     # ns of run time from which it holds
    rate: float                   # requests per second of all sources together
    sources: tuple[tuple[str, float], ...]
    ramping: bool                 # the rate is changing at that time; taken as if it stayed


@dataclass(frozen=True, slots=True)
class StationAt:
    """A pool, CPU, store or consumer at one level."""

    level: str
    arrivals: float               # per second
    service: float | None         # mean ns one server is held; None = without end
    utilisation: float            # of its servers; 0 when they are unlimited
    busy: float                   # mean servers held
    wait: float | None            # mean ns in queue; None = grows without end
    servers: float | None         # None = unlimited


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station at every level."""

    kind: str                     # threads | cpu | connections | consumer | rate_limit
    name: str
    levels: tuple[StationAt, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """Mean latency of an entry as its client sees it."""

    level: str
    mean: float | None            # ns; None = no steady state
    kind: str                     # exact | approximation | none
    methods: tuple[str, ...]      # formulas used
    reasons: tuple[str, ...]      # why it is not exact


@dataclass(frozen=True, slots=True)
class Worst:
    """The longest a request can take by its timeouts, queueing at the entry left out."""

    time: float | None            # ns; None = unbounded
    because: str


@dataclass(frozen=True, slots=True)
class Amplified:
    """Tries at one endpoint that one request causes when that endpoint always fails."""

    endpoint: str
    tries: float | None           # None = unlimited
    path: str                     # the retries that multiply, in words; "" when none
    message: bool                 # it handles messages: the tries are deliveries


@dataclass(frozen=True, slots=True)
class Entry:
    """An endpoint that clients ask."""

    name: str
    sources: tuple[str, ...]
    calls: float                  # requests to other services per request
    operations: float             # reads and writes of stores
    messages: float               # messages published
    depth: int                    # services in the longest chain, its own included
    unloaded: float | None        # mean ns when nobody ever waits
    latency: tuple[Latency, ...]
    worst: Worst
    client_worst: Worst           # the same with the client's own timeout
    amplified: tuple[Amplified, ...]
    availability: float | None    # None: no failure rates in the file


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What gives out first when all traffic grows in proportion."""

    kind: str
    name: str
    level: str                    # the mix that is scaled
    factor: float | None          # times that level's traffic; None = nothing limits
    rate: float | None            # requests per second of all sources then
    scaled: bool                  # counts the most replicas that autoscalers may start


@dataclass(frozen=True, slots=True)
class Component:
    """A thing that fails at a rate the file gives."""

    name: str
    availability: float
    how: str


@dataclass(frozen=True, slots=True)
class Availability:
    """Where availabilities come from."""

    components: tuple[Component, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CostRow:
    """A line of the bill, at the first level."""

    name: str
    what: str
    month: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Expected cost at the first level, in the file's own currency."""

    rows: tuple[CostRow, ...]
    month: float
    per_million: float | None     # per million requests of all sources; None without traffic


@dataclass(frozen=True, slots=True)
class Explanation:
    """What theory says about a system before any dice are thrown."""

    system: str
    scenario: str
    levels: tuple[Level, ...]
    entries: tuple[Entry, ...]
    stations: tuple[StationRow, ...]
    bottleneck: Bottleneck | None
    availability: Availability
    cost: Cost | None             # None: no costs in the file
    notes: tuple[str, ...]        # what the description does that theory here leaves out

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; values without a bound are None."""
        plain = _plain(self)
        assert isinstance(plain, dict)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return finite(value) if isinstance(value, float) else value


def finite(value: float) -> float | None:
    """The value, None when it has no bound."""
    return value if math.isfinite(value) else None
