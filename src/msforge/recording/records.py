"""Records: everything one run left behind, as columns. Filled from rows by `recording.aggregate`.

G groups share the histogram tables: first one per entry (source, target), as its clients
saw it, then one per body, as its service saw it (network to it left out). W windows of
`window` ns cover the run; a request belongs to the window of its root's intended arrival
unless a table says "by answer".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ANSWERED_CLASS: Final = 0  # `ok` and `degraded`
FAILED_CLASS: Final = 1

# Columns of `moments`
N, SUM, SQUARES, LEAST, MOST = range(5)
# Columns of `bands`
BAND_COLUMNS: Final = ("n", "total", "queue", "own", "store", "network", "backoff")

# Cumulative since the start of the run, read at the end of each window (tick k = time (k+1) * window).
REPLICA_TICKS: Final = (
    "tick", "replica", "arrived", "finished", "failed", "busy_area", "wait_area", "cpu_area",
    "up_area", "threads_area", "busy", "waiting",
)  # areas in thread-ns, request-ns, core-ns, ns the replica was ready, thread-ns available; busy and waiting are now
STORE_TICKS: Final = ("tick", "store", "arrived", "finished", "busy_area", "wait_area", "busy", "waiting")
EDGE_TICKS: Final = ("tick", "edge", "calls", "tries", "failed_tries", "failed_calls", "gave_up")
CHANNEL_TICKS: Final = (
    "tick", "channel", "published", "done", "redelivered", "dead", "dropped", "backlog", "unacked", "oldest_age",
)  # backlog, unacked and oldest_age (ns) are now

# Per edge, over requests whose root is measured.
EDGE_COUNTS: Final = ("calls", "tries", "retries", "hedges", "budget_denied", "gave_up")
# Per source / body / channel / store, over the whole run.
CHANNEL_COUNTS: Final = (
    "published", "delivered", "done", "redelivered", "dead", "dropped", "rejected", "lost", "applied_twice",
    "in_flight",
)
STORE_COUNTS: Final = ("arrived", "finished", "hits", "misses", "in_flight", "timeouts", "shared")


@dataclass
class Histogram:
    """A sparse histogram: sorted keys group << 40 | class << 38 | window << 16 | bucket, and their counts.

    Of a run with more than 1,000 windows, neighbours are joined and stand under the first of them.
    """

    keys: Ints
    counts: Ints


@dataclass
class ReplicaRecord:
    """One replica's life. `died` is -1 while it lives."""

    number: int
    service: int
    ordinal: int                  # within the service, as shown: payment#2
    zone: int
    version: int                  # 0, then 1 for the first deploy ...
    born: int
    died: int
    busy_time: Ints               # ns spent with k threads busy, over [warmup, duration]
    wait_time: Ints               # ns spent with k requests waiting, same span


@dataclass
class Happening:
    """Something worth a mark on the time line.

    kind: fault_begin fault_end crash ready breaker scale deploy cold_start rebalance change
    subject: as shown, e.g. payment, order#1 -> payment.charge; detail: e.g. closed -> open, 2 -> 4
    """

    time: int
    kind: str
    subject: str
    detail: str = ""
    service: int = -1
    fault: int = -1


@dataclass
class SpanRecord:
    """A span of a traced request. Ids are unique in the trace; parent -1 is the root."""

    source: int
    number: int
    span: int
    parent: int
    kind: str                     # client call queue serve work wait read write publish backoff consume
    name: str
    service: int
    replica: int
    begin: int
    end: int
    outcome: int
    link: int = -1                # consume: the span that published the message
    sampled: float = 0.0          # share of all requests, when they were drawn at random; 0: chosen


@dataclass
class Records:
    """One replication."""

    replication: int
    seed: int
    window: int                   # ns
    windows: int
    end: int                      # ns, when the engine stopped (drain included)
    interrupted: bool             # stopped by Ctrl-C before its end
    entries: tuple[tuple[int, int], ...]    # (source, target body) of the entry groups
    bodies: int
    roots: dict[str, Ints]        # ROOT_COLUMNS; all while at most ROW_LIMIT requests, else empty
    rows_complete: bool
    latency: Histogram            # by group and class; roots' arrival window
    wait: Histogram               # group = replica number, class 0, by arrival window of the root; measured or not
    moments: Floats               # [G, class, W, 5]: n, sum ns, sum of squares, least, most
    arrivals: Ints                # [G, W] by arrival, all that finished
    outcomes: Ints                # [G, W, 13] by the root's arrival window
    answers: Ints                 # [G, W, 13] by answer
    bands: Floats                 # [G, class, 256, 7] by latency band, roots inside [warmup, duration) only
    gone: Ints                    # [bodies, W] finished after the caller gave up, by answer
    causes: dict[tuple[int, int], int]      # (entry group, cause) -> measured failures
    replica_ticks: Ints           # [n, len(REPLICA_TICKS)]
    store_ticks: Ints
    edge_ticks: Ints
    channel_ticks: Ints
    replicas: list[ReplicaRecord]
    store_busy: list[Ints]        # per store, ns with k connections busy, over [warmup, duration]
    store_wait: list[Ints]        # per store, ns with k waiting
    store_counts: Ints            # [stores, len(STORE_COUNTS)] whole run
    edge_counts: Ints             # [edges, len(EDGE_COUNTS)] measured roots
    edge_tries: Ints              # [edges, 13] outcome of each try, measured roots
    edge_calls: Ints              # [edges, 13] outcome of each call
    channel_counts: Ints          # [channels, len(CHANNEL_COUNTS)] whole run
    sources: Ints                 # [sources, 15] whole run: arrived, finished by each outcome, in flight
    measured_in_flight: Ints      # [entries] roots inside [warmup, duration) still in flight at the end
    sagas: dict[int, tuple[int, int, int]]  # step -> (undone, undo failures retried, stuck)
    lost: dict[str, int]          # by channel: messages lost in a crash between write and publish
    invocations: Ints             # [services] function invocations; 0 elsewhere
    billed: Floats                # [services] function GiB-seconds
    cold_starts: Ints             # [services]
    zone_bytes: int               # bytes between zones
    replica_seconds: Floats       # [services] paid replica time in [0, duration], s
    happenings: list[Happening] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)
    parts: Floats = field(default_factory=lambda: np.zeros((0, 2, 0, 5)))
    """[G, class, W, 5] by the root's arrival window: summed ns of queue, own, store, network, backoff.

    With `moments` it says when a body's own time changed, not its callees': what the
    explanation stands on. Empty: not kept.
    """
