"""What the engine records: rows as they come, gauges at the end of each window, totals at the end."""

from __future__ import annotations

from collections.abc import Generator
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from msforge.errors import ConservationError
from msforge.model.plan import System, Verb
from msforge.recording.aggregate import FLUSH_ROWS, Aggregates
from msforge.recording.records import (
    CHANNEL_COUNTS,
    CHANNEL_TICKS,
    EDGE_COUNTS,
    EDGE_TICKS,
    REPLICA_TICKS,
    STORE_COUNTS,
    STORE_TICKS,
    Happening,
    Ints,
    Records,
    ReplicaRecord,
)
from msforge.records import OUTCOMES, ROOT_COLUMNS, SECOND, SERVED_COLUMNS
from msforge.sim.functions import FunctionReplica
from msforge.sim.kernel import CHANGE, Timer

if TYPE_CHECKING:
    from msforge.sim.engine import Engine

STATES = ("closed", "open", "half-open")


def window_of(duration: int, warmup: int) -> int:
    """The window (ns): a second, or about a twentieth of a short run.

    Of 1, 2, 5, 10, ... it takes the largest that divides warm-up and duration, so that the measured span is made of
    whole windows; when none within a factor of five does, the first choice stands.
    """
    most = min(SECOND, max(1_000, duration // 20))
    steps = [k * 10**e for e in range(9, 2, -1) for k in (5, 2, 1)]
    return next((w for w in steps if most >= w >= most / 5 and gcd(duration, warmup) % w == 0), most)


def entries_of(system: System) -> tuple[tuple[int, int], ...]:
    """Every (source, target body), in written order."""
    found: dict[tuple[int, int], None] = {}

    def walk(source: int, block: tuple[int, ...]) -> None:
        for index in block:
            step = system.steps[index]
            if step.verb == Verb.CALL:
                found[(source, step.target)] = None
            for inner in step.blocks:
                walk(source, inner)

    for source in system.sources:
        walk(source.index, source.journey)
    return tuple(found)


class Table:
    """Rows of gauges, as one flat array at the end."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.parts: list[Ints] = []

    def add(self, flat: list[int]) -> None:
        """Rows read at one moment."""
        if flat:
            self.parts.append(np.array(flat, dtype=np.int64).reshape(-1, self.width))

    def array(self) -> Ints:
        """All rows."""
        return np.concatenate(self.parts) if self.parts else np.empty((0, self.width), dtype=np.int64)


class Observer:
    """Reads an engine into Records."""

    def __init__(self, engine: Engine, system: System) -> None:
        self.engine = engine
        self.system = system
        run = system.run
        self.window = window_of(run.duration, run.warmup)
        horizon = run.duration + run.drain
        self.windows = max(1, -(-horizon // self.window)) if engine.keep else 1
        self.entries = entries_of(system)
        self.aggregates = Aggregates(
            self.entries, len(system.bodies), self.window, self.windows, run.warmup, run.duration)
        self.replica_ticks = Table(len(REPLICA_TICKS))
        self.store_ticks = Table(len(STORE_TICKS))
        self.edge_ticks = Table(len(EDGE_TICKS))
        self.channel_ticks = Table(len(CHANNEL_TICKS))
        self.at_warmup: dict[Any, Any] = {}
        self.at_end: dict[Any, Any] = {}
        self.last_tick = -1
        self._appoint(run.warmup, self.at_warmup)
        self._appoint(run.duration, self.at_end)

    def _appoint(self, time: int, into: dict[Any, Any]) -> None:
        if time <= 0:
            self._snapshot(into)
        else:
            self.engine.env.schedule(Timer(self._snapshot, into), CHANGE, time)

    def _snapshot(self, into: dict[Any, Any]) -> None:
        """Keep how long each gauge stood at each value until now."""
        now = self.engine.env.now
        for replica in self.engine.all_replicas:
            if replica.died < 0:
                into[replica.number] = (list(replica.gauge_busy.read(now)), list(replica.gauge_wait.read(now)))
            else:
                into[replica.number] = (list(replica.gauge_busy.time), list(replica.gauge_wait.time))
        self.settle(now)
        stations = self.engine.ledger.stations
        for i, number in enumerate(stations.numbers.tolist()):
            into[number] = (stations.busy_time[i].copy(), stations.wait_time[i].copy())
        for store in self.engine.stores:
            into["store", store.index] = (list(store.busy.read(now)), list(store.wait.read(now)))
        into["paid"] = self._paid(now)
        into["billed"] = self._billed()

    def _paid(self, now: int) -> list[float]:
        paid = [0.0] * len(self.system.services)
        for r in self.engine.all_replicas:
            paid[r.service.index] += ((r.died if r.died >= 0 else now) - r.born) / SECOND
        return paid

    def _billed(self) -> list[float]:
        billed = [0.0] * len(self.system.services)
        for r in self.engine.all_replicas:
            if isinstance(r, FunctionReplica):
                billed[r.service.index] += r.billed
        return billed

    # -- while it runs ------------------------------------------------------------------------

    def tick(self) -> Generator[Any, Any, None]:
        """At the end of each window read every gauge, and pass on the rows."""
        while True:
            yield self.engine.pause(self.window)
            self.read(self.last_tick + 1)

    def read(self, tick: int) -> None:
        """Read every gauge as tick number `tick`."""
        self.last_tick = tick
        now = self.engine.env.now
        ledger = self.engine.ledger
        ledger.ticks.append(tick)
        if ledger.full():
            self.settle(now)
        self.flush(FLUSH_ROWS)
        flat: list[int] = []
        for r in self.engine.all_replicas:
            if (r.died >= 0 and r.died < now - self.window) or r.service.stations:
                continue
            if r.died < 0:
                r.gauge_busy.read(now)
                r.gauge_wait.read(now)
            busy, wait = r.gauge_busy, r.gauge_wait
            up = r.ready_time(now)
            cpu = round(r.cpu.area(now)) if r.cpu is not None else 0
            slots = r.slots if r.slots >= 0 else 0
            flat += (
                tick, r.number, r.arrived, r.finished, r.failed, _area(busy.time), _area(wait.time), cpu, up,
                up * slots, busy.value, r.waiting,
            )
        self.replica_ticks.add(flat)
        flat = []
        for s in self.engine.stores:
            flat += (
                tick, s.index, s.arrived, s.finished, s.busy.area(now), s.wait.area(now), s.busy.value, s.wait.value)
        self.store_ticks.add(flat)
        flat = []
        for i, e in enumerate(self.engine.edges):
            flat += (tick, i, e.calls + e.plain, e.tries + e.plain, e.failed_tries, e.failed_calls, e.gave_up)
        self.edge_ticks.add(flat)
        flat = []
        for c in self.engine.channels:
            flat += (tick, c.index, c.published, c.done, c.redelivered, c.dead, c.dropped, *c.gauges(now))
        self.channel_ticks.add(flat)

    def settle(self, now: int) -> None:
        """Put the rows of quiet services to account as far as their time has come."""
        self.engine.ledger.settle(now, self)

    def flush(self, least: int) -> None:
        """Hand rows on to the aggregates when at least `least` wait."""
        engine = self.engine
        if len(engine.served) >= least * len(SERVED_COLUMNS):
            self.aggregates.add_served(np.array(engine.served, dtype=np.int64).reshape(-1, len(SERVED_COLUMNS)))
            engine.served.clear()
        if len(engine.roots) >= least * len(ROOT_COLUMNS):
            self.aggregates.add_roots(np.array(engine.roots, dtype=np.int64).reshape(-1, len(ROOT_COLUMNS)))
            engine.roots.clear()

    # -- at the end ---------------------------------------------------------------------------

    def check(self) -> None:
        """Conservation: arrived = finished + in flight, for every source, service and channel."""
        for client in self.engine.clients:
            flying = client.requests - sum(client.ended)
            if flying < 0:
                raise ConservationError(f"source {client.name}: {-flying} requests ended that never began")
        for service in self.engine.services:
            inside = service.in_flight()
            if service.arrived != sum(service.ended) + inside:
                ended = sum(service.ended)
                raise ConservationError(
                    f"service {service.name}: {service.arrived} arrived, {ended} finished, {inside} inside")
        for store in self.engine.stores:
            inside = len(store.serving) + len(store.queue)
            if store.arrived != store.finished + inside:
                raise ConservationError(
                    f"store {store.plan.name}: {store.arrived} arrived, {store.finished} finished, {inside} inside")
        for channel in self.engine.channels:
            copies = len(getattr(channel, "groups", ())) or 1
            told = channel.done + channel.dead + channel.dropped + channel.in_flight()
            if channel.published * copies != told:
                raise ConservationError(
                    f"channel {channel.plan.name}: {channel.published} published, {told} accounted for")

    def finish(self, *, interrupted: bool) -> Records:
        """Everything the run recorded."""
        engine = self.engine
        now = engine.env.now
        if now > (self.last_tick + 1) * self.window:
            self.read(self.last_tick + 1)
        self.settle(now)
        engine.ledger.forget_ahead(now)
        self.check()
        self.flush(1)
        for into in (self.at_warmup, self.at_end):
            if not into:
                self._snapshot(into)
        a = self.aggregates
        a.keep(max(1, -(-max(now, self.system.run.duration) // self.window)))
        for edge, counted in zip(engine.edges, engine.ledger.measured.tolist(), strict=True):
            edge.counted_plain += counted
        edges = list(zip(engine.edges, engine.ledger.unanswered(), strict=False))
        paid, billed = self.at_end["paid"], self.at_end["billed"]
        system = self.system
        return Records(
            replication=engine.replication, seed=engine.seed, window=self.window, windows=a.windows, end=now,
            interrupted=interrupted, entries=self.entries, bodies=len(system.bodies), roots=a.root_rows(),
            rows_complete=a.rows_complete, latency=a.latency.merge(), wait=a.wait.merge(), moments=a.moments,
            arrivals=a.arrivals, outcomes=a.outcomes, answers=a.answers, bands=a.bands, parts=a.parts, gone=a.gone,
            causes=a.causes,
            replica_ticks=_by_tick(self.replica_ticks.array()), store_ticks=self.store_ticks.array(),
            edge_ticks=engine.ledger.edge_ticks(self.edge_ticks.array()),
            channel_ticks=self.channel_ticks.array(), replicas=self._replicas(),
            store_busy=[self._span(("store", s.index), 0) for s in engine.stores],
            store_wait=[self._span(("store", s.index), 1) for s in engine.stores],
            store_counts=_table([_store_counts(s) for s in engine.stores], len(STORE_COUNTS)),
            edge_counts=_table([e.counts() for e in engine.edges], len(EDGE_COUNTS)),
            edge_tries=_table([e.outcomes(e.try_outcomes, n) for e, n in edges], OUTCOMES),
            edge_calls=_table([e.outcomes(e.call_outcomes, n) for e, n in edges], OUTCOMES),
            channel_counts=_table([_channel_counts(c) for c in engine.channels], len(CHANNEL_COUNTS)),
            sources=_table(
                [(c.requests, *c.ended, c.requests - sum(c.ended)) for c in engine.clients], OUTCOMES + 2),
            measured_in_flight=self._open(),
            sagas={step: (a, self._undo_retries(step), c) for step, (a, c) in sorted(engine.sagas.items())},
            lost={c.plan.name: c.lost for c in engine.channels if c.lost},
            invocations=self._functions("invocations"), billed=np.array(billed, dtype=np.float64),
            cold_starts=self._functions("cold_starts"), zone_bytes=engine.links.bytes,
            replica_seconds=np.array(paid, dtype=np.float64), happenings=self._happenings(),
            spans=engine.tracer.spans if engine.tracer is not None else [],
        )

    def _functions(self, what: str) -> Ints:
        counts = [0] * len(self.system.services)
        for r in self.engine.all_replicas:
            if isinstance(r, FunctionReplica):
                counts[r.service.index] += getattr(r, what)
        return np.array(counts, dtype=np.int64)

    def _open(self) -> Ints:
        """Measured roots still under way, by entry; a source's are shared out by where they went."""
        flying = [0] * len(self.entries)
        for client in self.engine.clients:
            for target, count in client.open.items():
                flying[self.entries.index((client.index, target))] += count
        return np.array(flying, dtype=np.int64)

    def _span(self, key: Any, which: int) -> Ints:
        """How long a gauge stood at each value between warm-up and the end of the duration."""
        last = self.at_end.get(key, ([0], [0]))[which]
        first = self.at_warmup.get(key, ([0], [0]))[which]
        span = np.array(last, dtype=np.int64)
        span[: len(first)] -= np.array(first, dtype=np.int64)
        reached = np.flatnonzero(span)
        return span[: reached[-1] + 1] if len(reached) else span[:1]

    def _undo_retries(self, saga: int) -> int:
        """Retries of the calls inside a saga's `undo` blocks."""
        steps = self.system.steps
        blocks = list(steps[saga].blocks[1::2])
        retries = 0
        while blocks:
            for step in (steps[i] for i in blocks.pop()):
                blocks += step.blocks
                if step.edge >= 0:
                    retries += self.engine.edges[step.edge].retries
        return retries

    def _replicas(self) -> list[ReplicaRecord]:
        return [
            ReplicaRecord(
                number=r.number, service=r.service.index, ordinal=r.ordinal, zone=r.zone, version=r.version,
                born=r.born, died=r.died, busy_time=self._span(r.number, 0), wait_time=self._span(r.number, 1),
            )
            for r in self.engine.all_replicas
        ]

    def _happenings(self) -> list[Happening]:
        happenings = list(self.engine.happenings)
        system = self.system
        for (service, holder, target), breaker in self.engine.breakers:
            who = f"{system.services[service].name}#{holder.ordinal}" if service >= 0 else holder.name
            for time, before, after in breaker.log:
                happenings.append(Happening(
                    time, "breaker", f"{who} -> {system.body_name(target)}", f"{STATES[before]} -> {STATES[after]}",
                    service))
        return sorted(happenings, key=lambda h: h.time)


def _by_tick(table: Ints) -> Ints:
    """Rows in the order of tick and replica, however they were read."""
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def _area(times: list[int]) -> int:
    return sum(map(int.__mul__, times, range(len(times))))


def _table(rows: list[Any], width: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(-1, width)


def _store_counts(s: Any) -> tuple[int, ...]:
    return (s.arrived, s.finished, s.hits, s.misses, len(s.serving) + len(s.queue), s.timeouts, s.shared)


def _channel_counts(c: Any) -> tuple[int, ...]:
    return (
        c.published, c.delivered, c.done, c.redelivered, c.dead, c.dropped, c.rejected, c.lost, c.applied_twice,
        c.in_flight(),
    )
