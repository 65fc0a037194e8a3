"""The tables of a Result: services, stores, edges, channels, marks in time, costs, checks."""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

from dataclasses import dataclass

from msforge.results.figures import Level, Measured, Traffic, doc


@dataclass
class ReplicaResult:
    """One replica over the span, in one replication."""

    replication: int = doc("replication it lived in, from 0")
    name: str = doc("e.g. payment#2")
    zone: str = doc("its zone; empty without zones")
    version: int = doc("0, then 1 for the first deploy ...")
    born: int = doc("start of its life", "ns")
    died: int | None = doc("end of its life; null while it lives", "ns")
    arrivals: int = doc("requests that reached it")
    finished: int = doc("requests it finished")
    failed: int = doc("of them, failures")
    utilisation: float | None = doc("busy thread time / thread time; null when threads are unlimited", "0..1")
    cpu: float | None = doc("core time used / core time; null when the CPU does not limit", "0..1")
    busy: Level = doc("requests being served (threads busy)")
    waiting: Level = doc("requests waiting for a thread")
    wait_mean: float | None = doc("mean wait for a thread, of those that got one", "ns")
    wait_p95: float | None = doc("95th percentile of the same", "ns")
    up: float = doc("share of the span it was ready", "0..1")


@dataclass
class ServiceResult:
    """A service over the span: all its replicas together."""

    name: str = doc("its name")
    external: bool = doc("true for a third party")
    threads: int | None = doc("threads per replica; null = unlimited")
    queue: int | None = doc("queue places per replica; null = unlimited")
    traffic: Traffic = doc("its requests, all endpoints and consumers together")
    refused: int = doc("refused at the door: overloaded, rate_limited, unavailable")
    utilisation: Measured = doc("busy thread time / thread time; null when threads are unlimited", "0..1")
    cpu: Measured = doc("core time used / core time; null when the CPU does not limit", "0..1")
    busy: Measured = doc("mean number being served")
    waiting: Measured = doc("mean number waiting for a thread")
    in_system: Measured = doc("mean number being served or waiting")
    waiting_level: Level = doc("number waiting at one replica, over all replicas' time")
    busy_level: Level = doc("number being served at one replica, over all replicas' time")
    wait_mean: Measured = doc("mean wait for a thread, of requests that got one", "ns")
    wait_p50: Measured = doc("its median", "ns")
    wait_p95: Measured = doc("its 95th percentile", "ns")
    wait_p99: Measured = doc("its 99th percentile", "ns")
    waited: Measured = doc("share of those requests that waited at all", "0..1")
    replicas_mean: Measured = doc("mean number of ready replicas")
    replicas_least: float | None = doc("fewest ready in any bucket")
    replicas_most: float | None = doc("most ready in any bucket")
    invocations: int = doc("function invocations", default=0)
    cold_starts: int = doc("function cold starts", default=0)
    replicas: list[ReplicaResult] = doc("each replica of each replication", default_factory=list)


@dataclass
class Edge:
    """A call step as an arrow from one endpoint to another."""

    name: str = doc("caller -> callee, e.g. `order.place -> payment.charge`")
    caller: str = doc("the calling endpoint or consumer")
    callee: str = doc("the called endpoint")
    local: bool = doc("true: same service, in place")
    calls: int = doc("calls made")
    tries: int = doc("tries sent, first ones, retries and hedges")
    retries: int = doc("tries after a failed one")
    hedges: int = doc("second tries sent to race the first")
    budget_denied: int = doc("retries that the budget refused")
    gave_up: int = doc("calls that failed after their last try")
    attempts: Measured = doc("tries per call")
    failure: Measured = doc("share of calls that failed", "0..1")
    try_outcomes: dict[str, int] = doc("tries per outcome")
    call_outcomes: dict[str, int] = doc("calls per outcome")


@dataclass
class BreakerChange:
    """A circuit breaker changed its state."""

    replication: int = doc("replication, from 0")
    time: int = doc("when", "ns")
    breaker: str = doc("whose, e.g. `order#1 -> payment.charge`")
    before: str = doc("closed, open or half-open")
    after: str = doc("closed, open or half-open")


@dataclass
class StoreResult:
    """A store over the span."""

    name: str = doc("its name")
    kind: str = doc("e.g. postgres")
    connections: int | None = doc("connections; null = unlimited")
    utilisation: Measured = doc("busy connections / connections; null when unlimited", "0..1")
    busy: Measured = doc("mean busy connections")
    waiting: Measured = doc("mean number waiting for one")
    wait_mean: Measured = doc("mean wait, by Little's law from the waiting number and the rate", "ns")
    rate: Measured = doc("operations finished per second", "1/s")
    busy_level: Level = doc("busy connections over time")
    waiting_level: Level = doc("waiting over time")
    operations: int = doc("operations finished, whole run")
    hits: int = doc("cache hits, whole run")
    misses: int = doc("cache misses, whole run")
    shared: int = doc("misses that waited for another's load (single flight), whole run")
    timeouts: int = doc("operations given up by their timeout, whole run")
    in_flight: int = doc("operations unfinished at the end")


@dataclass
class ChannelResult:
    """A channel. Counts are over the whole run, rates and backlog over the span."""

    name: str = doc("its name")
    kind: str = doc("`queue` or `topic`")
    published: int = doc("messages the broker accepted")
    delivered: int = doc("deliveries started")
    done: int = doc("deliveries that succeeded")
    redelivered: int = doc("deliveries after a failure or crash")
    dead: int = doc("messages moved to the dead letter channel")
    dropped: int = doc("messages dropped: queue full, or failed for good without a dead letter")
    rejected: int = doc("publishes refused because the queue was full")
    lost: int = doc("messages lost between write and publish")
    applied_twice: int = doc("effects applied again by consumers that are not idempotent")
    in_flight: int = doc("messages neither done, dead nor dropped at the end")
    publish_rate: Measured = doc("published per second", "1/s")
    done_rate: Measured = doc("done per second", "1/s")
    backlog_mean: Measured = doc("mean backlog (ready and unacknowledged), from the buckets' ends")
    backlog_most: float | None = doc("highest backlog at a bucket's end")
    backlog_end: float | None = doc("backlog at the end of the span, mean of replications")
    age_most: float | None = doc("greatest age of the oldest message at a bucket's end", "ns")
    age_end: float | None = doc("age of the oldest message at the end of the span", "ns")


@dataclass
class FaultWindow:
    """A fault as it happened."""

    replication: int = doc("replication, from 0")
    label: str = doc("e.g. `payment 10x slower`")
    kind: str = doc("crash, slow, fail, cut, delay, drop, pause, zone, deploy or change")
    begin: int = doc("when it began", "ns")
    end: int | None = doc("when it ended; null = it lasted to the end of the run", "ns")


@dataclass
class HappeningResult:
    """Something worth a mark on the time line."""

    replication: int = doc("replication, from 0")
    time: int = doc("when", "ns")
    kind: str = doc("fault_begin, fault_end, crash, ready, breaker, scale, deploy, cold_start, rebalance or change")
    subject: str = doc("what it happened to")
    detail: str = doc("e.g. `2 -> 4`")


@dataclass
class Saga:
    """A saga step's compensations, whole run."""

    name: str = doc("where it is written")
    undone: int = doc("sagas rolled back")
    retried: int = doc("undos that failed and were tried again")
    stuck: int = doc("undos that failed for good, or never ran since a crash or a deadline cut the saga off")


@dataclass
class ServiceCost:
    """What a service or store cost."""

    name: str = doc("service or store, or `zone traffic`")
    kind: str = doc("`service`, `function`, `store` or `network`")
    per_month: float = doc("cost of a month (730 h) at the run's mean rate", "the description's currency")


@dataclass
class Cost:
    """Costs of the whole system."""

    per_month: float = doc("sum over its items")
    per_million: float | None = doc("cost of a million answered requests; null when none was answered")
    items: list[ServiceCost] = doc("each service, store and the traffic between zones that costs something")


@dataclass
class Check:
    """A law that the measurements must obey, from two independent sources."""

    law: str = doc(
        "`little` (L = lambda W), `little_queue` (Lq = lambda Wq), `utilisation` (busy = X S) or `areas` (two clocks)"
    )
    name: str = doc("service or store")
    left: float = doc("from the areas under the counts")
    right: float = doc("from the requests' own times")
    residual: float = doc("(left - right) / max(left, right)")
    tolerance: float = doc("what edges of the span may explain")
    holds: bool = doc("residual within tolerance")


@dataclass
class Trace:
    """A span of a chosen request."""

    replication: int = doc("replication, from 0")
    source: str = doc("its source")
    number: int = doc("request number within the source, from 0")
    span: int = doc("id, unique in the trace")
    parent: int = doc("id of the span around it; -1 = the root")
    kind: str = doc("client, call, queue, serve, work, wait, read, write, publish, backoff or consume")
    name: str = doc("what ran")
    service: str = doc("where; empty at the client")
    replica: int = doc("run-wide replica number; -1 = none")
    begin: int = doc("when it starts", "ns")
    end: int = doc("when it ends", "ns")
    outcome: str = doc("how it ended")
    link: int = doc("of a consume span, the span that published the message; -1 = none", default=-1)
    sampled: float = doc(
        "share of all requests, when the trace is one of a random sample of them; 0: chosen for what it shows", "0..1",
        default=0.0,
    )
