"""The time series of a Result: one value per bucket, mean of the replications."""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

from dataclasses import dataclass

from msforge.results.figures import doc


@dataclass
class TrafficSeries:
    """An entry or endpoint over time: one value per bucket, mean of replications."""

    name: str = doc("as in the tables")
    kind: str = doc("`entry`, `endpoint` or `consumer`")
    arrivals: list[float] = doc("requests by (root) arrival")
    ok: list[float] = doc("of them answered (ok, degraded)")
    failed: dict[str, list[float]] = doc("of them failed, per outcome")
    p50: list[float | None] = doc("median latency of the answered, by arrival", "ns")
    p95: list[float | None] = doc("95th percentile", "ns")
    p99: list[float | None] = doc("99th percentile", "ns")
    mean: list[float | None] = doc("mean latency of the answered, by arrival", "ns")
    answered_ok: list[float] = doc("answered in the bucket, whenever they arrived")
    answered_failed: list[float] = doc("failed in the bucket, whenever they arrived")


@dataclass
class ServiceSeries:
    """A service over time."""

    name: str = doc("its name")
    busy: list[float] = doc("mean number being served in the bucket")
    waiting: list[float] = doc("mean number waiting in the bucket")
    replicas: list[float] = doc("mean number ready in the bucket")
    utilisation: list[float | None] = doc("busy / threads", "0..1")
    arrivals: list[float] = doc("requests that reached it")
    finished: list[float] = doc("requests it finished")
    failed: list[float] = doc("of them, failures")


@dataclass
class StoreSeries:
    """A store over time."""

    name: str = doc("its name")
    busy: list[float] = doc("mean busy connections")
    waiting: list[float] = doc("mean number waiting")
    finished: list[float] = doc("operations finished")


@dataclass
class EdgeSeries:
    """A call edge over time."""

    name: str = doc("caller -> callee")
    calls: list[float] = doc("calls")
    tries: list[float] = doc("tries")
    attempts: list[float | None] = doc("tries per call")
    failed_tries: list[float] = doc("tries that failed")
    failed_calls: list[float] = doc("calls that failed")


@dataclass
class ChannelSeries:
    """A channel over time."""

    name: str = doc("its name")
    published: list[float] = doc("published in the bucket")
    done: list[float] = doc("done in the bucket")
    backlog: list[float] = doc("backlog at the bucket's end")
    age: list[float] = doc("age of the oldest message at the bucket's end", "ns")


@dataclass
class Series:
    """Time series in equal buckets, warm-up included; means over replications."""

    begin: int = doc("start of the first bucket", "ns")
    width: int = doc("length of a bucket, at most 1 s", "ns")
    buckets: int = doc("number of buckets")
    entries: list[TrafficSeries] = doc("per entry")
    endpoints: list[TrafficSeries] = doc("per endpoint and consumer")
    services: list[ServiceSeries] = doc("per service")
    stores: list[StoreSeries] = doc("per store")
    edges: list[EdgeSeries] = doc("per call edge")
    channels: list[ChannelSeries] = doc("per channel")
