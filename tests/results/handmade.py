"""A small recorder for tests: Records from written-down requests, by the definitions of `recording.records` alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from msforge.model.plan import (
    NEVER,
    NONE,
    UNLIMITED,
    Body,
    CallPolicy,
    Edge,
    Network,
    Objective,
    Run,
    Service,
    Source,
    Stage,
    Step,
    Store,
    System,
    Verb,
)
from msforge.policies.distributions import Dist
from msforge.recording import buckets
from msforge.recording.records import (
    BAND_COLUMNS,
    CHANNEL_COUNTS,
    EDGE_COUNTS,
    EDGE_TICKS,
    REPLICA_TICKS,
    STORE_COUNTS,
    STORE_TICKS,
    Happening,
    Histogram,
    Records,
    ReplicaRecord,
)
from msforge.records import ROOT_COLUMNS, SECOND, SERVED_COLUMNS, Outcome

MS = 1_000_000
ZERO = Dist("constant", (0.0,))


def service(index: int, name: str, bodies: tuple[int, ...], **changes: object) -> Service:
    """A plain service: one replica, 4 threads, a queue of 100."""
    values: dict[str, object] = {
        "replicas": 1, "threads": 4, "queue": 100, "discipline": "fifo", "cpu": None, "balance": "round_robin",
        "client_balancer": False, "rate": 0.0, "burst": 0, "detect": 0, "startup": ZERO, "autoscale": None,
        "function": None, "cost_per_hour": 0.0, "zones": (), "external": False,
    }
    return Service(index=index, name=name, bodies=bodies, **{**values, **changes})  # type: ignore[arg-type]


def source(index: int, name: str, target: int, rate: float = 10.0, duration: int = 100 * SECOND) -> Source:
    """An open-loop Poisson source of one target; its step has index 1000 + index, which no test looks up."""
    return Source(
        index, name, (1000 + index,), True, "poisson", (Stage(rate, rate, duration),), (), (), 0, UNLIMITED, 0, None,
        CallPolicy(),
    )


def shop(objectives: tuple[Objective, ...] = (), *, duration: int = 100 * SECOND, warmup: int = 0) -> System:
    """web.buy works and calls pay.charge, which uses a store: two services, one source, one store."""
    steps = (
        Step(0, Verb.WORK, "work", "services.web.endpoints.buy.steps[0]", 0, 0, dist=Dist("constant", (2.0 * MS,))),
        Step(1, Verb.CALL, "call", "services.web.endpoints.buy.steps[1]", 0, 0, target=1, edge=0),
        Step(2, Verb.READ, "read", "services.pay.endpoints.charge.steps[0]", 1, 1, target=0),
    )
    return System(
        name="shop",
        services=(service(0, "web", (0,), cost_per_hour=0.1), service(1, "pay", (1,), queue=UNLIMITED)),
        bodies=(Body(0, 0, "buy", (0, 1)), Body(1, 1, "charge", (2,))),
        consumers=(),
        steps=steps,
        edges=(Edge(0, 1, 0, 1, False),),
        stores=(Store(0, "db", "postgres", 1, 2, Dist("constant", (5.0 * MS,)), Dist("constant", (5.0 * MS,))),),
        channels=(),
        zones=(),
        network=Network(ZERO, None, 0.0, 0),
        sources=(source(0, "users", 0, duration=duration),),
        faults=(),
        objectives=objectives,
        run=Run(duration, warmup, 30 * SECOND, 42, 1),
        digest="d" * 64,
    )


@dataclass
class Book:
    """Requests written down by a test; `records` counts them up."""

    system: System
    windows: int
    window: int = SECOND
    replication: int = 0
    roots: list[tuple[int, ...]] = field(default_factory=list)
    served: list[tuple[int, ...]] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    in_flight: int = 0
    causes: dict[tuple[int, int], int] = field(default_factory=dict)
    tries: list[tuple[int, int, bool]] = field(default_factory=list)   # edge, time, failed; one try a call

    def root(self, arrival: int, end: int, outcome: Outcome = Outcome.OK, *, tries: int = 1, **parts: int) -> None:
        """A root request of source 0 to body 0, times in ns."""
        columns = {"source": 0, "target": 0, "number": len(self.roots), "arrival": arrival, "end": end}
        columns |= {"outcome": int(outcome), "cause": -1, "tries": tries}
        self.roots.append(tuple((columns | parts).get(name, 0) for name in ROOT_COLUMNS))

    def serve(
        self, body: int, root: int, arrive: int, end: int, *, wait: int = 0, outcome: Outcome = Outcome.OK, **parts: int
    ) -> None:
        """A request that body's service (its replica has the service's number) finished; times in ns."""
        columns = {"body": body, "replica": self.system.bodies[body].service, "source": 0, "root": root}
        columns |= {"arrive": arrive, "wait": wait, "end": end, "outcome": int(outcome)}
        self.served.append(tuple((columns | parts).get(name, 0) for name in SERVED_COLUMNS))

    def records(self) -> Records:
        """All of it counted up into Records."""
        return _count_up(self)


def _row(columns: tuple[str, ...], values: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(columns, values, strict=True))


def _histogram(cells: Sequence[tuple[int, int, int, int]]) -> Histogram:
    """From (group, class, window, value)."""
    array = np.array(cells, dtype=np.int64).reshape(-1, 4)
    keys = array[:, 0] << 40 | array[:, 1] << 38 | array[:, 2] << 16 | buckets.bucket_of(array[:, 3])
    found, counts = np.unique(keys, return_counts=True)
    return Histogram(found, counts.astype(np.int64))


def _spread(begin: int, end: int, window: int, into: np.ndarray) -> None:
    """Add the time from begin to end to the windows it falls in."""
    for w in range(begin // window, min(len(into), -(-end // window))):
        into[w] += max(0, min(end, (w + 1) * window) - max(begin, w * window))


def _count_up(book: Book) -> Records:
    system, W, width = book.system, book.windows, book.window
    entries = ((0, 0),)
    G = len(entries) + len(system.bodies)
    moments = np.zeros((G, 2, W, 5))
    outcomes, answers = np.zeros((G, W, 13), dtype=np.int64), np.zeros((G, W, 13), dtype=np.int64)
    bands, parts = np.zeros((G, 2, 256, len(BAND_COLUMNS))), np.zeros((G, 2, W, 5))
    gone = np.zeros((len(system.bodies), W), dtype=np.int64)
    cells, waits = [], []
    roots = {name: np.array([row[n] for row in book.roots], dtype=np.int64) for n, name in enumerate(ROOT_COLUMNS)}
    everything = [(0, r["arrival"], r["arrival"], r) for r in (_row(ROOT_COLUMNS, row) for row in book.roots)]
    for row in book.served:
        r = _row(SERVED_COLUMNS, row)
        r["queue"] = max(r["wait"], 0)
        everything.append((1 + r["body"], r["root"], r["arrive"], r))
        if r["wait"] >= 0:
            waits.append((r["replica"], 0, r["root"] // width, r["wait"]))
        gone[r["body"], min(r["end"] // width, W - 1)] += r["gone"]
    for group, root, begin, r in everything:
        w, took = root // width, r["end"] - begin
        class_ = 0 if r["outcome"] in (Outcome.OK, Outcome.DEGRADED) else 1
        cell = moments[group, class_, w]
        cell[3] = took if cell[0] == 0 else min(cell[3], took)
        cell[:3] += (1, took, float(took) ** 2)
        cell[4] = max(cell[4], took)
        outcomes[group, w, r["outcome"]] += 1
        answers[group, min(r["end"] // width, W - 1), r["outcome"]] += 1
        cells.append((group, class_, w, took))
        five = (r["queue"], r["own"], r["store"], r["network"], r["backoff"])
        parts[group, class_, w] += five
        if system.run.warmup <= root < system.run.duration:
            bands[group, class_, int(buckets.band_of(np.array(took)))] += (1, took, *five)
    ticks = _replica_ticks(book)
    span = system.run.duration - system.run.warmup
    return Records(
        replication=book.replication, seed=42, window=width, windows=W, end=W * width, interrupted=False,
        entries=entries, bodies=len(system.bodies), roots=roots, rows_complete=True,
        latency=_histogram(cells), wait=_histogram(waits), moments=moments, arrivals=outcomes.sum(axis=2),
        outcomes=outcomes, answers=answers, bands=bands, gone=gone, causes=dict(book.causes), replica_ticks=ticks,
        store_ticks=np.zeros((0, len(STORE_TICKS)), dtype=np.int64), edge_ticks=_edge_ticks(book),
        channel_ticks=np.zeros((0, 10), dtype=np.int64),
        replicas=[
            ReplicaRecord(s.index, s.index, 1, NONE, 0, 0, -1, np.array([span]), np.array([span]))
            for s in system.services
        ],
        store_busy=[np.array([span]) for _ in system.stores], store_wait=[np.array([span]) for _ in system.stores],
        store_counts=np.zeros((len(system.stores), len(STORE_COUNTS)), dtype=np.int64),
        edge_counts=np.zeros((len(system.edges), len(EDGE_COUNTS)), dtype=np.int64),
        edge_tries=np.zeros((len(system.edges), 13), dtype=np.int64),
        edge_calls=np.zeros((len(system.edges), 13), dtype=np.int64),
        channel_counts=np.zeros((0, len(CHANNEL_COUNTS)), dtype=np.int64),
        sources=np.zeros((1, 15), dtype=np.int64), measured_in_flight=np.array([book.in_flight], dtype=np.int64),
        sagas={}, lost={}, invocations=np.zeros(len(system.services), dtype=np.int64),
        billed=np.zeros(len(system.services)), cold_starts=np.zeros(len(system.services), dtype=np.int64),
        zone_bytes=0, replica_seconds=np.full(len(system.services), system.run.duration / 1e9),
        happenings=list(book.happenings), parts=parts,
    )


def _replica_ticks(book: Book) -> np.ndarray:
    width, W = book.window, book.windows
    rows = []
    for plan in book.system.services:
        busy, waiting = np.zeros(W, dtype=np.int64), np.zeros(W, dtype=np.int64)
        arrived, finished, failed = (np.zeros(W, dtype=np.int64) for _ in range(3))
        for row in book.served:
            r = _row(SERVED_COLUMNS, row)
            if r["replica"] != plan.index:
                continue
            start = r["arrive"] + max(r["wait"], 0)
            _spread(r["arrive"], start, width, waiting)
            _spread(start, r["end"], width, busy)
            arrived[min(r["arrive"] // width, W - 1)] += 1
            finished[min(r["end"] // width, W - 1)] += 1
            failed[min(r["end"] // width, W - 1)] += r["outcome"] not in (0, 1)
        columns = {
            "arrived": arrived.cumsum(), "finished": finished.cumsum(), "failed": failed.cumsum(),
            "busy_area": busy.cumsum(), "wait_area": waiting.cumsum(), "cpu_area": np.zeros(W, dtype=np.int64),
            "up_area": np.arange(1, W + 1) * width, "threads_area": np.arange(1, W + 1) * width * plan.threads,
            "busy": np.zeros(W, dtype=np.int64), "waiting": np.zeros(W, dtype=np.int64),
        }
        table = [np.arange(W), np.full(W, plan.index)] + [columns[name] for name in REPLICA_TICKS[2:]]
        rows.append(np.stack(table, axis=1))
    return np.concatenate(rows)


def _edge_ticks(book: Book) -> np.ndarray:
    counts = np.zeros((len(book.system.edges), book.windows, len(EDGE_TICKS) - 2), dtype=np.int64)
    for edge, time, failed in book.tries:
        counts[edge, time // book.window] += (1, 1, failed, failed, failed)
    rows = [
        (w, e, *values) for e, table in enumerate(counts.cumsum(axis=1)) for w, values in enumerate(table.tolist())
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, len(EDGE_TICKS))


def objective(text: str, metric: str, limit: float, *, less: bool = True, body: int = 0) -> Objective:
    """An objective on a body."""
    return Objective(0, text, body, NONE, metric, less, limit)


__all__ = ["MS", "NEVER", "Book", "objective", "service", "shop", "source"]
