"""The Result: everything a report prints and more, as data. Format 1.

It is made from Records alone, simulated or measured, and knows no clock, path or host.
`docs/result.md` is generated from the field texts below. All times are nanoseconds of the
run's own time.
"""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from msforge.errors import ResultFormatError
from msforge.results.codec import CodecError, decode, encode
from msforge.results.figures import Counts, Latency, Level, Measured, Part, Traffic, doc

__all__ = [
    "FORMAT", "BreakerChange", "ChannelResult", "ChannelSeries", "Check", "Cost", "Counts", "Edge", "EdgeSeries",
    "Evidence", "FaultWindow", "Figure", "HappeningResult", "Intervals", "Latency", "Level", "Measured",
    "ObjectiveResult", "Part", "Recovery", "ReplicaResult", "Result", "Saga", "Series", "ServiceCost", "ServiceResult",
    "ServiceSeries", "Span", "StoreResult", "StoreSeries", "Storm", "Story", "Suspect", "Trace", "Traffic",
    "TrafficSeries", "Unstable",
]

FORMAT = 1
"""Version of the JSON format. A change that an older reader would misread raises it."""


@dataclass
class Span:
    """A span of simulated time, its end not included."""

    begin: int = doc("when it starts", "ns")
    end: int = doc("when it ends", "ns")


@dataclass
class Intervals:
    """How the intervals were made."""

    method: str = doc("`replications` (Student-t), `batches` (batch means of one run) or `none`")
    n: int = doc("replications or batches behind each interval")
    confidence: float = doc("confidence level", "0..1")
    text: str = doc("the same in a sentence, as reports print it")


@dataclass
class ObjectiveResult:
    """An objective and its verdict. The exit code follows `met`; `verdict` says how sure that is."""

    text: str = doc("as written in the description")
    subject: str = doc("the endpoint or source it is about")
    metric: str = doc("mean, p50 ... p99.9, max, success, error_rate, throughput or availability")
    less: bool = doc("true: measured must be below the limit; false: above")
    limit: float = doc("the limit", "ns, 0..1 or 1/s by metric")
    unit: str = doc("`ns`, `ratio` or `per_second`")
    measured: Measured = doc("what was measured", "as the limit")
    met: bool = doc("verdict by the point value; nothing measured is not met")
    verdict: str = doc("`yes`, `no` or `unsure`: the interval holds the limit, or there is no value")


@dataclass
class Unstable:
    """A backlog that was still growing when the run ended."""

    kind: str = doc("`service`, `store`, `channel` or `source`")
    name: str = doc("whose backlog")
    slope: float = doc("growth over the last part of the run", "1/s")
    low: float = doc("lower end of the slope's 95 % interval", "1/s")
    high: float = doc("upper end", "1/s")
    backlog: float = doc("waiting at the end")
    begin: int = doc("start of the part the slope was measured over", "ns")
    text: str = doc("e.g. `unstable: backlog at payment still growing at 37/s`")


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
    undone: int = doc("steps undone")
    retried: int = doc("undos that failed and were tried again")
    stuck: int = doc("undos that failed for good")


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


@dataclass
class Recovery:
    """How long an entry took to recover after a fault ended.

    The time from the fault's end to the first bucket from which, until the next fault or the last arrival, success
    and mean latency (by arrival, averaged over ten buckets) are back within the band they held in the minute before
    the fault began, in at least 95 % of the buckets. The band: at most 3 standard deviations (and half a point) below
    the mean success, at most 3 standard deviations (and 10 %) above the mean latency.
    """

    entry: str = doc("the entry")
    label: str = doc("the fault")
    replication: int = doc("replication, from 0")
    cleared: int = doc("when the fault ended", "ns")
    recovered: int | None = doc("time it took; null = not recovered within the run", "ns")
    text: str = doc("e.g. `recovered 12 s after`, `not recovered`, or why it can't be said")


@dataclass
class Storm:
    """The figures of a retry storm."""

    attempts: Measured = doc("client tries per root request")
    amplification: Measured = doc("requests that reached services per root request")
    retry_share: Measured = doc("retries / tries over all call edges", "0..1")
    gone_share: Measured = doc("share of the services' finished requests whose caller had given up", "0..1")
    recoveries: list[Recovery] = doc("per entry and timed fault")


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
class Figure:
    """One figure in every replication (or batch), which `compare` pairs by seed."""

    name: str = doc("e.g. `entry/shoppers -> gateway.checkout/p99`")
    unit: str = doc("`ns`, `ratio`, `per_second`, `count` or `cost`")
    better: str = doc("`less`, `more` or empty: which direction is better")
    values: list[float | None] = doc("one per replication, or per batch in a single run")
    total: Measured = doc("over all of them")


@dataclass
class Evidence:
    """A sentence of the story and the figures behind it."""

    text: str = doc("plain words, with measured figures")
    begin: int | None = doc("when it began; null = all along", "ns")
    end: int | None = doc("when it ended; null = lasted to the end", "ns")


@dataclass
class Suspect:
    """Who is blamed, how strongly, and on what evidence."""

    name: str = doc("service, store, channel or `caller -> callee`")
    kind: str = doc("`service`, `store`, `channel` or `link`")
    service: str = doc("the service that stands for it: itself, a store's user, a link's callee")
    symptom: str = doc("slow, failing, down, saturated, paused, unreachable, delayed, overloaded or backlog")
    score: float = doc("harm explained, in request-seconds and failed requests; comparable within one story")
    begin: int | None = doc("when it began", "ns")
    end: int | None = doc("when it ended; null = lasted to the end", "ns")
    evidence: list[Evidence] = doc("what speaks for it, strongest first")
    spread: list[Evidence] = doc("how it reached the entries, from the suspect upwards")
    advice: list[str] = doc("what to try, each derived from the evidence")


@dataclass
class Story:
    """Where it hurts, when, why and what to try; computed from the measurements alone."""

    healthy: bool = doc("true: nothing stands out and nobody is blamed")
    headline: str = doc("one sentence")
    decided: bool = doc("false: the evidence does not decide between the first suspects")
    suspects: list[Suspect] = doc("ranked, first the strongest")


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


@dataclass
class Result:
    """A run, or several replications of it, summarised."""

    format: int = doc("version of this format")
    engine: str = doc("version of msforge that wrote it")
    system: str = doc("name of the system")
    scenario: str = doc("name of the scenario; empty for the system as it stands")
    digest: str = doc("sha256 of the resolved description")
    seed: int = doc("the seed")
    replications: int = doc("number of replications")
    warmup: int = doc("left out at the start", "ns")
    duration: int = doc("after it nothing arrives", "ns")
    span: Span = doc("what the tables are about: [warmup, duration), or the window asked for")
    windowed: bool = doc("true when the tables are about a window, not the whole run")
    interrupted: bool = doc("true: stopped before its end; the span ends where measuring stopped")
    rows_complete: bool = doc("true: a full row was kept for every root request")
    percentiles: str = doc("how percentiles were taken, in a sentence")
    intervals: Intervals = doc("how intervals were made")
    notes: list[str] = doc("what a reader must know first, e.g. that the run was interrupted")
    objectives: list[ObjectiveResult] = doc("objectives with their verdicts")
    unstable: list[Unstable] = doc("backlogs still growing at the end; empty for a run that kept up")
    story: Story = doc("where it hurts, when, why, what to try")
    sources: list[Traffic] = doc("per traffic source")
    entries: list[Traffic] = doc("per (source, target), as its clients saw it")
    endpoints: list[Traffic] = doc("per endpoint and consumer, as its service saw it")
    services: list[ServiceResult] = doc("per service")
    edges: list[Edge] = doc("per call edge")
    breakers: list[BreakerChange] = doc("circuit breakers' changes, in order of time")
    stores: list[StoreResult] = doc("per store")
    channels: list[ChannelResult] = doc("per channel")
    faults: list[FaultWindow] = doc("faults as they happened")
    happenings: list[HappeningResult] = doc("all marks on the time line")
    sagas: list[Saga] = doc("per saga step")
    storm: Storm = doc("retry storm figures")
    cost: Cost = doc("costs")
    checks: list[Check] = doc("Little's law and the utilisation law")
    figures: list[Figure] = doc("figures per replication or batch")
    series: Series = doc("time series")
    traces: list[Trace] = doc("spans of chosen requests", default_factory=list)
    plan: dict[str, Any] | None = doc("the plan that ran, fields at their defaults left out", default=None)
    data: list[dict[str, Any]] | None = doc(
        "per replication, the counts, histograms and areas that `--window` reads; null when left out", default=None
    )

    @property
    def failed(self) -> bool:
        """True when an objective is not met (exit code 99)."""
        return any(not objective.met for objective in self.objectives)

    def to_json(self, *, data: bool = True) -> str:
        """The Result as JSON text. Equal Results give equal bytes.

        `data=False` leaves out `plan` and `data`, which only reading another window needs.
        """
        plain = encode(self)
        if not data:
            plain["plan"] = plain["data"] = None
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str, *, name: str = "the file") -> Result:
        """The Result that `text` holds. Raises ResultFormatError when it is none, or of another version."""
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ResultFormatError(
                f"{name} is not a result: it is not JSON ({error})",
                hint="a result is written by `msforge simulate FILE --out run.json`",
            ) from None
        _check_version(plain, name)
        try:
            return decode(cls, plain)
        except (CodecError, ValueError, TypeError) as error:
            raise ResultFormatError(
                f"{name} is a damaged result: {error}", hint="run the simulation again with --out to write it anew"
            ) from None


def _check_version(plain: Any, name: str) -> None:
    if not isinstance(plain, dict) or "format" not in plain or "engine" not in plain:
        raise ResultFormatError(
            f"{name} is not a result: it has no `format`",
            hint="a result is written by `msforge simulate FILE --out run.json`; "
            "a system description is simulated with `msforge simulate`",
        )
    if plain["format"] != FORMAT:
        raise ResultFormatError(
            f"{name} is a result of format {plain['format']!r}, written by msforge {plain['engine']}; "
            f"this version reads format {FORMAT}",
            hint="run the simulation again with this version, or read the file with the version that wrote it",
        )
