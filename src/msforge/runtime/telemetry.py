"""What a replica counts, and how it shows that to Prometheus.

The counts are plain integers that only this replica's event loop touches; a collector turns them into metrics when
somebody asks. So counting costs next to nothing while requests are served.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from msforge.policies.breaker import CLOSED, HALF_OPEN, OPEN, STATES
from msforge.runtime.failures import WORDS
from msforge.runtime.plan import Call

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the durations' histogram, s; the limits of a service's objectives are added."""
BOUNDS: Final = tuple(round(bound * 1e9) for bound in BUCKETS)
WAITING: Final = ("backlog", "unacked", "in_flight", "resting")
"""What a channel's counts say about now; the others only grow."""
SEVERITY: Final = (CLOSED, HALF_OPEN, OPEN)
"""Of several breakers before one endpoint the worst is shown."""
MEDIA_TYPE: Final = CONTENT_TYPE_LATEST


class Served:
    """What one endpoint or consumer has done: requests by outcome, and how long they took."""

    __slots__ = ("bounds", "buckets", "outcomes", "total")

    def __init__(self, bounds: tuple[int, ...] = BOUNDS) -> None:
        self.bounds = bounds  # ns
        self.outcomes = [0] * (len(WORDS) - 1)
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0  # ns

    def count(self, outcome: int, took: int) -> None:
        """One more, after `took` ns."""
        self.outcomes[outcome] += 1
        self.buckets[bisect_left(self.bounds, took)] += 1
        self.total += took


class Edge:
    """What the calls to one endpoint came to. `outcomes` are those of tries; what a guard refused is none."""

    __slots__ = ("budget_denied", "calls", "failed_calls", "gave_up", "hedges", "outcomes", "retries", "tries")

    def __init__(self) -> None:
        self.calls = self.tries = self.retries = self.hedges = 0
        self.budget_denied = self.gave_up = self.failed_calls = 0
        self.outcomes = [0] * (len(WORDS) - 1)

    def counts(self) -> dict[str, Any]:
        """By name."""
        counts: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "outcomes"}
        counts["outcomes"] = {WORDS[i]: n for i, n in enumerate(self.outcomes) if n}
        return counts


class Stats:
    """All counts of a replica. `sagas` has [undone, stuck] by step, `parts` what channels and stores said last."""

    def __init__(self, bounds: tuple[int, ...] = ()) -> None:
        self.bounds = tuple(sorted({*BOUNDS, *bounds}))
        self.parts: dict[str, dict[str, int]] = {}
        self.served: dict[str, Served] = {}
        self.edges: dict[str, Edge] = {}
        self.sagas: dict[str, list[int]] = {}
        self.breaker_changes: list[tuple[str, int, str, str]] = []

    def of(self, endpoint: str) -> Served:
        """The counts of an endpoint or consumer."""
        found = self.served.get(endpoint)
        if found is None:
            found = self.served[endpoint] = Served(self.bounds)
        return found

    def edge(self, call: Call) -> Edge:
        """The counts of the calls to an endpoint."""
        found = self.edges.get(call.name)
        if found is None:
            found = self.edges[call.name] = Edge()
        return found


class ReplicaCollector(Collector):
    """Shows a replica's counts as metrics."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand now."""
        yield from self._served()
        yield from self._calls()
        yield from self._parts()
        replica = self.replica
        admission = replica.admission
        for name, text, value in (
            ("threads_busy", "Requests being served", admission.busy),
            ("threads_limit", "Requests that may be served at once, -1 for any number", admission.threads),
            ("queue_length", "Requests waiting for a thread", admission.waiting),
            ("requests_in_progress", "Requests and messages in progress", len(replica.active)),
            ("faults_active", "Faults that are on", len(replica.faults.active)),
        ):
            yield GaugeMetricFamily(f"service_{name}", text, value=float(value))

    def _served(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("service_requests", "Requests by outcome", labels=("endpoint", "outcome"))
        took = HistogramMetricFamily(
            "service_request_duration_seconds", "From arrival to answer, seconds", labels=("endpoint",)
        )
        for endpoint, served in self.replica.stats.served.items():
            for outcome, number in enumerate(served.outcomes):
                if number:
                    requests.add_metric((endpoint, WORDS[outcome]), number)
            buckets, total = [], 0
            bounds = (*(str(bound / 1e9) for bound in served.bounds), "+Inf")
            for bound, number in zip(bounds, served.buckets, strict=True):
                total += number
                buckets.append((bound, float(total)))
            took.add_metric((endpoint,), buckets, served.total / 1e9)
        yield requests
        yield took

    def _calls(self) -> Iterator[Metric]:
        edges = self.replica.stats.edges
        for name, text in (
            ("calls", "Calls to an endpoint"), ("tries", "Requests sent to an endpoint"), ("retries", "Retries"),
            ("hedges", "Hedges"), ("gave_up", "Tries that timed out here"), ("failed_calls", "Calls that failed"),
            ("budget_denied", "Retries that the budget denied"),
        ):
            family = CounterMetricFamily(f"service_{name}", text, labels=("callee",))
            for callee, edge in edges.items():
                family.add_metric((callee,), getattr(edge, name))
            yield family
        state = GaugeMetricFamily(
            "service_breaker_state", "Circuit breakers: " + ", ".join(f"{i} {s}" for i, s in enumerate(STATES)),
            labels=("callee",),
        )
        worst: dict[str, int] = {}
        for callee, breaker in self.replica.guards.breakers():
            worst[callee] = max(worst.get(callee, CLOSED), breaker.state, key=SEVERITY.index)
        for callee, found in worst.items():
            state.add_metric((callee,), found)
        yield state
        sagas = CounterMetricFamily("service_sagas", "Sagas undone, and undos stuck", labels=("step", "what"))
        for step, (undone, stuck) in self.replica.stats.sagas.items():
            sagas.add_metric((step, "undone"), undone)
            sagas.add_metric((step, "stuck"), stuck)
        yield sagas

    def _parts(self) -> Iterator[Metric]:
        """What all replicas share: each that uses a channel or store says the same of it."""
        messages = CounterMetricFamily(
            "service_channel_messages", "Messages of a channel, by what became of them", labels=("channel", "what")
        )
        waiting = GaugeMetricFamily(
            "service_channel_waiting", "Messages on their way: not yet delivered, and delivered but not yet done",
            labels=("channel", "what"),
        )
        store = GaugeMetricFamily("service_store_operations", "Operations at a store now", labels=("store", "what"))
        done = CounterMetricFamily("service_store_finished", "Operations that a store has done", labels=("store",))
        cache = CounterMetricFamily("service_cache_lookups", "Lookups in a cache", labels=("store", "what"))
        for name, counts in self.replica.stats.parts.items():
            if "published" in counts:
                for what, number in counts.items():
                    (waiting if what in WAITING else messages).add_metric((name, what), number)
                continue
            for what in ("busy", "waiting"):
                store.add_metric((name, what), counts.get(what, 0))
            done.add_metric((name,), counts.get("finished", 0))
            for what in ("hits", "misses"):
                cache.add_metric((name, what), counts.get(what, 0))
        yield from (messages, waiting, store, done, cache)


def exposition(registry: CollectorRegistry) -> bytes:
    """A registry's metrics in Prometheus' text format."""
    return generate_latest(registry)
