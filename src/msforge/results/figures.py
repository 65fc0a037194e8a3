"""The small pieces a Result is made of: measured figures, latency tables, counts, breakdowns.

Every latency is in nanoseconds; `None` means there was nothing to measure.
"""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def doc(text: str, unit: str = "", **options: Any) -> Any:
    """A dataclass field whose meaning and unit are part of the published format."""
    return field(metadata={"doc": text, "unit": unit}, **options)


@dataclass
class Measured:
    """A figure with its 95 % confidence interval; the Result's `intervals` says by which method."""

    value: float | None = doc("the point estimate; null when nothing was measured")
    low: float | None = doc("lower end of the interval; null when there is too little to say", default=None)
    high: float | None = doc("upper end of the interval", default=None)

    @property
    def half_width(self) -> float | None:
        """Half the interval's length, for `value ± half_width`; None without an interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass
class Above:
    """The share of requests slower than a limit that an objective names."""

    limit: float = doc("the limit", "ns")
    share: Measured = doc("share of the table's requests above it", "0..1")


@dataclass
class Latency:
    """Latency of one class of requests (answered, failed or all)."""

    count: int = doc("requests, summed over replications")
    mean: Measured = doc("mean", "ns")
    deviation: float | None = doc("standard deviation", "ns")
    least: float | None = doc("minimum", "ns")
    most: float | None = doc("maximum", "ns")
    p50: Measured = doc("median", "ns")
    p75: Measured = doc("75th percentile", "ns")
    p90: Measured = doc("90th percentile", "ns")
    p95: Measured = doc("95th percentile", "ns")
    p99: Measured = doc("99th percentile", "ns")
    p999: Measured = doc("99.9th percentile", "ns")
    exact: bool = doc("true: percentiles from full rows; false: from buckets, at most 0.4 % off")
    above: list[Above] = doc("one per latency limit among the objectives", default_factory=list)


@dataclass
class Counts:
    """How many requests there were and how they ended, summed over replications unless a rate."""

    arrivals: int = doc("requests whose root arrived in the span, those still in flight included")
    finished: int = doc("of them, those with an outcome")
    in_flight: int = doc("of them, those without one when the run ended")
    answered: int = doc("ok and degraded")
    outcomes: dict[str, int] = doc("requests per outcome; outcomes that never happened are left out")
    rates: dict[str, float] = doc("requests per second per outcome", "1/s")
    rate: Measured = doc("arrivals per second", "1/s")
    throughput: Measured = doc("answered requests per second, counted when they were answered", "1/s")
    success: Measured = doc("answered / arrivals", "0..1")


@dataclass
class Part:
    """Where the time of the requests in one latency band went, as means per request."""

    band: str = doc("`<=p50`, `p50-p90`, `p90-p99`, `>p99`, or `failed`")
    low: float = doc("shortest latency of the band, to within a quarter octave", "ns")
    high: float = doc("longest latency of the band", "ns")
    count: int = doc("requests in it")
    total: float = doc("mean latency", "ns")
    queue: float = doc("waiting for a thread", "ns")
    own: float = doc("own work and wait steps", "ns")
    store: float = doc("in stores and brokers", "ns")
    network: float = doc("on the network", "ns")
    backoff: float = doc("backing off between tries", "ns")
    other: float = doc("in other services: total less the five above", "ns")


@dataclass
class Traffic:
    """One kind of request as one side saw it: an entry, an endpoint, a consumer, a source or a service."""

    name: str = doc("entry: `source -> service.endpoint`; endpoint or consumer: `service.name`; else its name")
    kind: str = doc("`entry`, `endpoint`, `consumer`, `source` or `service`")
    service: str = doc("the service that serves it; empty for a source")
    source: str = doc("the source that sends it; empty unless an entry or source")
    counts: Counts = doc("counts, rates, success")
    answered: Latency = doc("latency of ok and degraded requests")
    failed: Latency = doc("latency of all others; a timeout counts exactly its timeout at the caller")
    all: Latency = doc("latency of all finished requests")
    attempts: Measured = doc("tries the client made per request (entries, sources; from the rows kept)")
    gone: int = doc("finished after the caller had given up (endpoints and services)", default=0)
    parts: list[Part] = doc("time breakdown by latency band (entries, endpoints, consumers)", default_factory=list)
    causes: dict[str, int] = doc("failures by first cause, `service: outcome` (entries)", default_factory=dict)


@dataclass
class Level:
    """A number that changes over time, e.g. how many wait: its time average and distribution."""

    mean: float | None = doc("time average")
    variance: float | None = doc("time variance; null when reading a window")
    most: int | None = doc("highest value held; null when reading a window")
    share: list[float] = doc("share of time spent at 0, 1, 2, ...; empty when reading a window", default_factory=list)
