"""A run's metrics in Prometheus' text format, under the names that generated services give theirs (runtime.telemetry).

Requests, messages and stores are counted over the whole run, warm-up included, as a service's own are; calls
are those of requests that arrived after the warm-up. Gauges are as they stood at its end. `service` and `replica`, that
a Prometheus adds where it asks, are labels here; `replication` tells runs apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from msforge.errors import ResultFormatError
from msforge.model.plan import NONE, System
from msforge.recording.buckets import middle
from msforge.recording.records import (
    CHANNEL_COUNTS,
    CHANNEL_TICKS,
    EDGE_COUNTS,
    REPLICA_TICKS,
    STORE_COUNTS,
    STORE_TICKS,
    SUM,
    Ints,
    Records,
)
from msforge.records import OUTCOMES, Outcome
from msforge.results import Result
from msforge.results.pack import unpack, unpack_plan
from msforge.runtime.telemetry import BOUNDS

GROUP, BUCKET = 40, 0xFFFF  # of a histogram's key


def exposition(result: Result) -> str:
    """The metrics of every replication. Raises ResultFormatError when the result was written without its data."""
    if result.plan is None or result.data is None:
        raise ResultFormatError(
            "this result holds its tables alone, and metrics are made of more",
            hint="write it with `msforge simulate FILE --out run.json`, which keeps what they need",
        )
    registry = CollectorRegistry()
    registry.register(_Run(unpack_plan(result.plan), [unpack(one) for one in result.data]))
    return generate_latest(registry).decode("utf-8")


class _Run(Collector):
    """All metrics of a result."""

    def __init__(self, system: System, runs: list[Records]) -> None:
        self.system = system
        self.runs = runs

    def collect(self) -> Iterator[Metric]:
        """One family after the other, each over all replications."""
        yield from (self._requests(), self._durations(), *self._calls(), *self._gauges(), *self._parts())

    def _bodies(self, records: Records) -> Iterable[tuple[int, tuple[str, str, str]]]:
        """The group of each endpoint and consumer, with its labels."""
        for body in self.system.bodies:
            labels = self.system.services[body.service].name, body.name, str(records.replication)
            yield len(records.entries) + body.index, labels

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "service_requests", "Requests by outcome", labels=("service", "endpoint", "replication", "outcome")
        )
        for records in self.runs:
            for group, labels in self._bodies(records):
                for outcome, number in enumerate(records.answers[group].sum(axis=0).tolist()):
                    if number:
                        family.add_metric((*labels, Outcome(outcome).word), number)
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "service_request_duration_seconds", "From arrival to answer, seconds",
            labels=("service", "endpoint", "replication"),
        )
        for records in self.runs:
            groups = records.latency.keys >> GROUP
            for group, labels in self._bodies(records):
                mine = groups == group
                if mine.any():
                    counts = records.latency.counts[mine]
                    buckets = _buckets(records.latency.keys[mine] & BUCKET, counts)
                    total = float(records.moments[group, :, :, SUM].sum()) / 1e9
                    family.add_metric(labels, buckets, total)
        return family

    def _calls(self) -> Iterator[Metric]:
        """Counted by call step in a run, by callee at a replica. Budgets and hedges are counted after the warm-up."""
        named = [
            ("calls", "Calls to an endpoint"), ("tries", "Requests sent to an endpoint"), ("retries", "Retries"),
            ("hedges", "Hedges"), ("gave_up", "Tries that timed out here"),
            ("budget_denied", "Retries that the budget denied"),
        ]
        for name, text in named:
            family = CounterMetricFamily(f"service_{name}", text, labels=("service", "callee", "replication"))
            column = EDGE_COUNTS.index(name)
            for records in self.runs:
                for labels, numbers in self._edges(records):
                    family.add_metric(labels, int(records.edge_counts[numbers, column].sum()))
            yield family
        failed = CounterMetricFamily(
            "service_failed_calls", "Calls that failed", labels=("service", "callee", "replication")
        )
        for records in self.runs:
            for labels, numbers in self._edges(records):
                failed.add_metric(labels, int(records.edge_calls[numbers, 2:OUTCOMES].sum()))
        yield failed

    def _edges(self, records: Records) -> Iterable[tuple[tuple[str, str, str], list[int]]]:
        """The call steps of one service to one endpoint, with their labels."""
        found: dict[tuple[str, str, str], list[int]] = {}
        for edge in self.system.edges:
            caller = self.system.services[self.system.bodies[edge.caller].service].name
            labels = caller, self.system.body_name(edge.callee), str(records.replication)
            found.setdefault(labels, []).append(edge.index)
        return found.items()

    def _gauges(self) -> Iterator[Metric]:
        labels = ("service", "replica", "replication")
        busy = GaugeMetricFamily("service_threads_busy", "Requests being served", labels=labels)
        limit = GaugeMetricFamily(
            "service_threads_limit", "Requests that may be served at once, -1 for any number", labels=labels
        )
        queue = GaugeMetricFamily("service_queue_length", "Requests waiting for a thread", labels=labels)
        for records in self.runs:
            last = _last(records.replica_ticks, REPLICA_TICKS)
            for replica in records.replicas:
                if replica.died != NONE:
                    continue
                service = self.system.services[replica.service]
                who = service.name, f"{service.name}#{replica.ordinal}", str(records.replication)
                now = last.get(replica.number, {})
                busy.add_metric(who, now.get("busy", 0))
                limit.add_metric(who, service.threads)
                queue.add_metric(who, now.get("waiting", 0))
        yield from (busy, limit, queue)

    def _parts(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "service_channel_messages", "Messages of a channel, by what became of them",
            labels=("channel", "what", "replication"),
        )
        waiting = GaugeMetricFamily(
            "service_channel_waiting", "Messages on their way: not yet delivered, and delivered but not yet done",
            labels=("channel", "what", "replication"),
        )
        store = GaugeMetricFamily(
            "service_store_operations", "Operations at a store now", labels=("store", "what", "replication")
        )
        done = CounterMetricFamily(
            "service_store_finished", "Operations that a store has done", labels=("store", "replication")
        )
        cache = CounterMetricFamily(
            "service_cache_lookups", "Lookups in a cache", labels=("store", "what", "replication")
        )
        for records in self.runs:
            replication = str(records.replication)
            self._channels(records, replication, messages, waiting)
            now = _last(records.store_ticks, STORE_TICKS)
            for plan in self.system.stores:
                counts = dict(zip(STORE_COUNTS, records.store_counts[plan.index].tolist(), strict=True))
                for what in ("busy", "waiting"):
                    store.add_metric((plan.name, what, replication), now.get(plan.index, {}).get(what, 0))
                done.add_metric((plan.name, replication), counts["finished"])
                for what in ("hits", "misses"):
                    cache.add_metric((plan.name, what, replication), counts[what])
        yield from (messages, waiting, store, done, cache)

    def _channels(self, records: Records, replication: str, messages: Any, waiting: Any) -> None:
        now = _last(records.channel_ticks, CHANNEL_TICKS)
        for plan in self.system.channels:
            counts = zip(CHANNEL_COUNTS, records.channel_counts[plan.index].tolist(), strict=True)
            for what, number in counts:
                (waiting if what == "in_flight" else messages).add_metric((plan.name, what, replication), number)
            for what in ("backlog", "unacked"):
                waiting.add_metric((plan.name, what, replication), now.get(plan.index, {}).get(what, 0))


def _buckets(bucket: Ints, counts: Ints) -> list[tuple[str, float]]:
    """Cumulative counts below the bounds that generated services use; a latency is placed to within 0.4 %."""
    at = middle(bucket)
    found = [(str(bound / 1e9), float(counts[at <= bound].sum())) for bound in BOUNDS]
    return [*found, ("+Inf", float(counts.sum()))]


def _last(ticks: Ints, columns: tuple[str, ...]) -> dict[int, dict[str, int]]:
    """The last reading of each station, by its number."""
    if not len(ticks):
        return {}
    rows = ticks[ticks[:, 0] == np.max(ticks[:, 0])].tolist()
    return {row[1]: dict(zip(columns, row, strict=True)) for row in rows}
