"""Tables of services, their replicas, and stores: how busy, how long the queue, how long the wait."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import UNLIMITED, Service, Store
from msforge.recording.records import REPLICA_TICKS, STORE_COUNTS, STORE_TICKS, ReplicaRecord
from msforge.records import Outcome
from msforge.results import traffic
from msforge.results.figures import Level, Measured
from msforge.results.result import ReplicaResult, ServiceResult, StoreResult
from msforge.results.sample import Buckets, Sample
from msforge.results.slices import Slices
from msforge.results.statistics import dot
from msforge.results.traffic import Book

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ARRIVED, FINISHED, FAILED, BUSY, WAIT, CPU, UP, THREADS = (
    REPLICA_TICKS.index(word) - 2
    for word in ("arrived", "finished", "failed", "busy_area", "wait_area", "cpu_area", "up_area", "threads_area")
)
S_FINISHED, S_BUSY, S_WAIT = (STORE_TICKS.index(word) - 2 for word in ("finished", "busy_area", "wait_area"))
REFUSED = (Outcome.OVERLOADED, Outcome.RATE_LIMITED, Outcome.UNAVAILABLE)


def level(times: list[Ints], whole: bool) -> Level:
    """The time-weighted distribution of a number, from ns spent at 0, 1, 2, ...; only known for the whole span."""
    size = max((len(time) for time in times), default=0)
    total = np.zeros(size)
    for time in times:
        total[: len(time)] += time
    span = float(total.sum())
    if not whole or span <= 0.0:
        return Level(None, None, None)
    share = total / span
    at = np.arange(size)
    mean = dot(share, at)
    most = int(np.flatnonzero(total)[-1])
    return Level(mean, dot(share, (at - mean) ** 2), most, [float(value) for value in share[: most + 1]])


def services(slices: Slices, book: Book) -> list[ServiceResult]:
    """One table per service."""
    return [_service(slices, book, plan) for plan in slices.system.services]


def _service(slices: Slices, book: Book, plan: Service) -> ServiceResult:
    key = f"service/{plan.name}"
    sums = slices.services[:, plan.index]
    span = slices.seconds * 1e9
    table = traffic.service(slices, book, plan.index)
    waits = slices.waits(plan.index)
    wait_sums, wait_counts = mean_of(waits)
    limited = plan.threads != UNLIMITED and plan.function is None
    cores = plan.cpu.cores if plan.cpu else 0.0
    ready = _ready(slices, plan.index)
    return ServiceResult(
        name=plan.name,
        external=plan.external,
        threads=plan.threads if limited else None,
        queue=None if plan.queue == UNLIMITED else plan.queue,
        traffic=table,
        refused=sum(table.counts.outcomes.get(outcome.word, 0) for outcome in REFUSED),
        utilisation=_share_of(book, f"{key}/utilisation", sums[:, BUSY], sums[:, THREADS] if limited else span * 0),
        cpu=_share_of(book, f"{key}/cpu", sums[:, CPU], sums[:, UP] * cores),
        busy=book.ratio(f"{key}/busy", "count", "", sums[:, BUSY], span),
        waiting=book.ratio(f"{key}/waiting", "count", "less", sums[:, WAIT], span),
        in_system=book.ratio(f"{key}/in_system", "count", "less", sums[:, BUSY] + sums[:, WAIT], span),
        waiting_level=level([replica.wait_time for replica in _replicas(slices, plan.index)], slices.whole),
        busy_level=level([replica.busy_time for replica in _replicas(slices, plan.index)], slices.whole),
        wait_mean=book.ratio(f"{key}/wait_mean", "ns", "less", wait_sums, wait_counts),
        wait_p50=book.percentile(f"{key}/wait_p50", waits, 5000),
        wait_p95=book.percentile(f"{key}/wait_p95", waits, 9500),
        wait_p99=book.percentile(f"{key}/wait_p99", waits, 9900),
        waited=_share_of(book, f"{key}/waited", wait_counts - waits.at_most(0.0), wait_counts),
        replicas_mean=book.ratio(f"{key}/replicas", "count", "", sums[:, UP], span),
        replicas_least=float(ready.min()) if ready.size else None,
        replicas_most=float(ready.max()) if ready.size else None,
        invocations=sum(int(run.records.invocations[plan.index]) for run in slices.runs),
        cold_starts=sum(int(run.records.cold_starts[plan.index]) for run in slices.runs),
        replicas=_replica_tables(slices, plan),
    )


def _share_of(book: Book, name: str, numerators: Floats, denominators: Floats) -> Measured:
    return book.ratio(name, "ratio", "", numerators, denominators, share=True)


def mean_of(sample: Sample) -> tuple[Floats, Floats]:
    """Per slice: sum and number of a bucketed sample's values."""
    if not isinstance(sample, Buckets) or not len(sample.values):
        return np.zeros(len(sample.sizes)), sample.sizes.astype(float)
    counts = np.diff(sample.cumulative, axis=1, prepend=0)
    return (counts * sample.values).sum(axis=1), sample.sizes.astype(float)


def _ready(slices: Slices, service: int) -> Floats:
    """Mean number of ready replicas in each bucket of each run's span."""
    columns = [run.services[slices.first : slices.last, service, UP] for run in slices.runs]
    ready: Floats = np.concatenate(columns) / slices.width
    return ready


def _replicas(slices: Slices, service: int) -> list[ReplicaRecord]:
    return [replica for run in slices.runs for replica in run.replicas_of(service)]


def _replica_tables(slices: Slices, plan: Service) -> list[ReplicaResult]:
    out = []
    for number, run in enumerate(slices.runs):
        for replica in run.replicas_of(plan.index):
            sums = run.replicas[slices.first : slices.last, replica.number].sum(axis=0)
            out.append(_replica(slices, plan, number, replica, sums))
    return out


def _replica(slices: Slices, plan: Service, number: int, replica: ReplicaRecord, sums: Ints) -> ReplicaResult:
    span = float(max(1, slices.end - slices.begin))
    cores = plan.cpu.cores if plan.cpu else 0.0
    busy, waiting = level([replica.busy_time], slices.whole), level([replica.wait_time], slices.whole)
    busy.mean = float(sums[BUSY]) / span
    waiting.mean = float(sums[WAIT]) / span
    waits = slices.replica_waits(number, replica.number)
    total, count = mean_of(waits)
    threads, core_time = float(sums[THREADS]), float(sums[UP]) * cores
    limited = plan.threads != UNLIMITED and plan.function is None
    return ReplicaResult(
        replication=slices.runs[number].records.replication,
        name=f"{plan.name}#{replica.ordinal}",
        zone=slices.system.zones[replica.zone] if 0 <= replica.zone < len(slices.system.zones) else "",
        version=replica.version,
        born=replica.born,
        died=None if replica.died < 0 else replica.died,
        arrivals=int(sums[ARRIVED]),
        finished=int(sums[FINISHED]),
        failed=int(sums[FAILED]),
        utilisation=float(sums[BUSY]) / threads if limited and threads > 0 else None,
        cpu=float(sums[CPU]) / core_time if core_time > 0 else None,
        busy=busy,
        waiting=waiting,
        wait_mean=float(total.sum() / count.sum()) if count.sum() else None,
        wait_p95=waits.quantile(9500),
        up=float(sums[UP]) / span,
    )


def stores(slices: Slices, book: Book) -> list[StoreResult]:
    """One table per store."""
    return [_store(slices, book, plan) for plan in slices.system.stores]


def _store(slices: Slices, book: Book, plan: Store) -> StoreResult:
    key = f"store/{plan.name}"
    sums = slices.stores[:, plan.index]
    span = slices.seconds * 1e9
    capacity = span * 0 if plan.connections == UNLIMITED else span * plan.connections
    totals = np.sum([run.records.store_counts[plan.index] for run in slices.runs], axis=0)
    found = {word: int(value) for word, value in zip(STORE_COUNTS, totals, strict=True)}
    return StoreResult(
        name=plan.name,
        kind=plan.kind,
        connections=None if plan.connections == UNLIMITED else plan.connections,
        utilisation=_share_of(book, f"{key}/utilisation", sums[:, S_BUSY], capacity),
        busy=book.ratio(f"{key}/busy", "count", "", sums[:, S_BUSY], span),
        waiting=book.ratio(f"{key}/waiting", "count", "less", sums[:, S_WAIT], span),
        wait_mean=book.ratio(f"{key}/wait_mean", "ns", "less", sums[:, S_WAIT], sums[:, S_FINISHED]),
        rate=book.rate(f"{key}/rate", "", sums[:, S_FINISHED]),
        busy_level=level([run.records.store_busy[plan.index] for run in slices.runs], slices.whole),
        waiting_level=level([run.records.store_wait[plan.index] for run in slices.runs], slices.whole),
        operations=found["finished"],
        hits=found["hits"],
        misses=found["misses"],
        shared=found["shared"],
        timeouts=found["timeouts"],
        in_flight=found["in_flight"],
    )
