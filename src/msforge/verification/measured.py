"""A measured run as Records: what clients saw, what replicas noted down, what the channels said meanwhile.

Times become those of the run: each replica's clock, and the one of the channels, began at a moment of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from msforge.errors import UsageError
from msforge.live.load.run import LoadResult
from msforge.model.plan import NONE, System
from msforge.recording.aggregate import Aggregates
from msforge.recording.gauges import StationGauges
from msforge.recording.records import CHANNEL_COUNTS, CHANNEL_TICKS, REPLICA_TICKS, Ints, Records, ReplicaRecord
from msforge.records import OUTCOMES, ROOT_COLUMNS, SERVED_COLUMNS
from msforge.sim.observer import entries_of, window_of
from msforge.verification.session import Noted

_C: Final = {name: i for i, name in enumerate(SERVED_COLUMNS)}
NUMBER: Final = len(SERVED_COLUMNS)
"""A further column of the served rows: the root request's number."""
FOREVER: Final = 2**62


@dataclass
class Measured:
    """A measured run. `served` has SERVED_COLUMNS and NUMBER, times in ns of the run."""

    records: Records
    served: Ints
    strangers: int
    """Rows of requests that came from somewhere else."""


def measured(system: System, noted: Noted) -> Measured:
    """The Records of a run of `system`. What its stores did, and costs, are not among them."""
    reader = _Reader(system, noted)
    for file in sorted(noted.outcomes.glob("*.jsonl")):
        reader.read(file)
    served = np.array(reader.rows, dtype=np.int64).reshape(-1, NUMBER + 1)
    served = served[np.argsort(served[:, _C["end"]], kind="stable")]
    return Measured(_records(system, noted, served), served, reader.strangers)


class _Reader:
    """Reads the files in which replicas noted down what they finished."""

    def __init__(self, system: System, noted: Noted) -> None:
        self.scale = noted.scale
        self.began = noted.load.began
        self.parts_began = int(noted.view["began"])
        self.bodies = {system.body_name(b.index): b.index for b in system.bodies}
        self.consumers = {b.index for b in system.bodies if b.consumer != NONE}
        self.rows: list[list[int]] = []
        self.strangers = 0

    def read(self, file: Path) -> None:
        """A replica's file: `order.1.jsonl`. A line that a kill cut off is left out."""
        service = file.name.rsplit(".", 2)[0]
        ahead: int | None = None
        for line in file.read_text("utf-8", "replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if "began" in row:
                ahead = self._ahead(row["began"])
            elif ahead is None:
                raise UsageError(
                    f"the code of {service} is of an earlier msforge, and does not say when its clock began",
                    hint="bring it up to date: msforge sync",
                )
            else:
                self._take(service, row, ahead)

    def _ahead(self, began: int) -> int:
        """The time of the run at which a clock that began then stood at 0."""
        return round((began - self.began) / self.scale)

    def _take(self, service: str, row: Mapping[str, Any], ahead: int) -> None:
        source, _, root = row["root"].partition(":")
        body = self.bodies.get(f"{service}.{row['body']}")
        if not root or body is None:
            self.strangers += 1
            return
        arrive, wait, end = row["arrive"] + ahead, row["wait"], row["end"] + ahead
        if body in self.consumers:  # it arrived at the channel, by the channel's clock
            begin = row["arrive"] + wait + ahead
            arrive = min(row["arrive"] + self._ahead(self.parts_began), begin)
            wait = begin - arrive
        self.rows.append([
            body, row["replica"], int(source), int(root), arrive, wait, end, row["outcome"], row["own"], row["store"],
            row["network"], row["backoff"], row["gone"], row["number"],
        ])


def _records(system: System, noted: Noted, served: Ints) -> Records:
    run, load = system.run, noted.load
    roots = np.array(load.rows, dtype=np.int64).reshape(-1, len(ROOT_COLUMNS))
    stop = run.duration
    if load.interrupted:
        stop = max(run.warmup + 1, min(stop, int(roots[:, 4].max(initial=0))))
    window = window_of(run.duration, run.warmup)
    windows = max(1, -(-(run.duration + run.drain) // window))
    last = max(stop, int(roots[:, 4].max(initial=0)), int(served[:, _C["end"]].max(initial=0)))
    entries = entries_of(system)
    found = Aggregates(entries, len(system.bodies), window, windows, run.warmup, run.duration)
    found.add_roots(roots)
    found.add_served(served[:, :NUMBER])
    found.keep(max(1, -(-last // window)))
    gauges = _Gauges(system, served, window, found.windows, _ready(noted))
    nothing = {name: _nothing(system, name) for name in _SHAPES}
    return Records(
        replication=0, seed=load.seed, window=window, windows=found.windows, end=last,
        interrupted=stop < run.duration, entries=entries, bodies=len(system.bodies), roots=found.root_rows(),
        rows_complete=found.rows_complete, latency=found.latency.merge(), wait=found.wait.merge(),
        moments=found.moments, arrivals=found.arrivals, outcomes=found.outcomes, answers=found.answers,
        bands=found.bands, parts=found.parts, gone=found.gone, causes=found.causes,
        replica_ticks=gauges.ticks, replicas=gauges.replicas(run.warmup, run.duration),
        store_ticks=np.empty((0, 8), dtype=np.int64), edge_ticks=np.empty((0, 7), dtype=np.int64),
        channel_ticks=_channel_ticks(system, noted, window, found.windows),
        channel_counts=_channel_counts(system, noted), sources=_sources(system, load, roots),
        measured_in_flight=_in_flight(system, load, entries), sagas={}, lost={}, zone_bytes=0,
        store_busy=[np.zeros(1, dtype=np.int64) for _ in system.stores],
        store_wait=[np.zeros(1, dtype=np.int64) for _ in system.stores],
        store_counts=nothing["stores"], edge_counts=nothing["edges"], edge_tries=nothing["tries"],
        edge_calls=nothing["tries"], invocations=nothing["services"][:, 0], cold_starts=nothing["services"][:, 0],
        billed=nothing["services"][:, 0].astype(np.float64),
        replica_seconds=nothing["services"][:, 0].astype(np.float64),
    )


_SHAPES: Final = {"stores": 7, "edges": 6, "tries": OUTCOMES, "services": 1}


def _nothing(system: System, name: str) -> Ints:
    count = {"stores": len(system.stores), "services": len(system.services)}.get(name, len(system.edges))
    return np.zeros((count, _SHAPES[name]), dtype=np.int64)


class _Gauges:
    """How busy each replica was, from what it noted down. Calls in place hold no thread of their own."""

    def __init__(self, system: System, served: Ints, window: int, windows: int, ready: Mapping[int, Ints]) -> None:
        self.system = system
        self.ready = ready
        self.service_of = _replicas(system, served)
        numbers = sorted(self.service_of)
        self.gauges = StationGauges(numbers)
        alone = {e.callee for e in system.edges if e.local} - {e.callee for e in system.edges if not e.local}
        rows = served[~np.isin(served[:, 0], sorted(alone)), :NUMBER].copy()
        consuming = np.isin(rows[:, 0], [b.index for b in system.bodies if b.consumer != NONE])
        rows[consuming, _C["arrive"]] += rows[consuming, _C["wait"]]  # until then it waits in its channel
        rows[consuming, _C["wait"]] = 0
        self.gauges.add(rows)
        self.slots = {s.index: _slots(system, s.index) for s in system.services}
        self.standing: list[tuple[Ints, Ints]] = []
        ends = sorted({(k + 1) * window for k in range(windows)} | {system.run.warmup, system.run.duration} - {0})
        readings: dict[int, Ints] = {}
        marks = (system.run.warmup, system.run.duration)
        self.at = {0: (self.gauges.busy_time.copy(), self.gauges.wait_time.copy())}
        for moment in ends if numbers else ():
            readings[moment] = self.gauges.advance([moment])[0]
            if moment in marks:
                self.at[moment] = (self.gauges.busy_time.copy(), self.gauges.wait_time.copy())
        self.ticks = self._ticks(numbers, [(k, readings[(k + 1) * window]) for k in range(windows if numbers else 0)],
                                 window)

    def _ticks(self, numbers: list[int], readings: list[tuple[int, Ints]], window: int) -> Ints:
        tables = [np.empty((0, len(REPLICA_TICKS)), dtype=np.int64)]
        slots = np.array([max(0, self.slots[self.service_of[n]]) for n in numbers], dtype=np.int64)
        for tick, reading in readings:
            time = (tick + 1) * window
            table = np.zeros((len(numbers), len(REPLICA_TICKS)), dtype=np.int64)
            table[:, 0], table[:, 1], table[:, 2:7] = tick, numbers, reading[:, :5]
            up = np.array([self._up(number, time) for number in numbers], dtype=np.int64)
            table[:, 8], table[:, 9], table[:, 10:12] = up, up * slots, reading[:, 5:7]
            tables.append(table)
        return np.concatenate(tables)

    def _up(self, number: int, time: int) -> int:
        """How long a replica was ready until then, ns; always, when nobody looked."""
        spans = self.ready.get(number)
        return time if spans is None else int(np.diff(np.clip(spans, 0, time), axis=1).sum())

    def replicas(self, warmup: int, duration: int) -> list[ReplicaRecord]:
        """Each replica, with how long it stood at each number of busy threads and waiting requests."""
        place = {number: i for i, number in enumerate(self.gauges.numbers.tolist())}
        seen: Counter[int] = Counter()
        made = []
        for number, service in sorted(self.service_of.items()):
            spans = [self._between(which, place[number], warmup, duration) for which in (0, 1)]
            made.append(ReplicaRecord(number, service, seen[service], -1, 0, 0, -1, spans[0], spans[1]))
            seen[service] += 1
        return made

    def _between(self, which: int, place: int, warmup: int, duration: int) -> Ints:
        nothing = self.at[0]
        before, after = self.at.get(warmup, nothing)[which][place], self.at.get(duration, nothing)[which][place]
        out: Ints = after.copy()
        out[: len(before)] -= before
        return out


def _ready(noted: Noted) -> dict[int, Ints]:
    """When each replica was ready, in times of the run: rows of from and to."""
    def time_of(when: int | None) -> int:
        return FOREVER if when is None else round((when - noted.load.began) / noted.scale)

    return {
        number: np.array([[time_of(begin), time_of(end)] for begin, end in spans], dtype=np.int64).reshape(-1, 2)
        for number, spans in noted.ready.items()
    }


def _slots(system: System, service: int) -> int:
    """A replica's threads and those of its consumers; -1 when they are unlimited."""
    plan = system.services[service]
    endpoints = any(system.bodies[b].consumer == NONE for b in plan.bodies)
    if endpoints and plan.threads < 0:
        return -1
    return (plan.threads if endpoints else 0) + sum(c.threads for c in system.consumers if c.service == service)


def _replicas(system: System, served: Ints) -> dict[int, int]:
    """The service of each replica: those that the plan begins with, then those that came later."""
    found: dict[int, int] = {}
    for service in system.services:
        for _ in range(service.replicas if service.function is None else 1):
            found[len(found)] = service.index
    for number, body in np.unique(served[:, [_C["replica"], 0]], axis=0).tolist():
        found.setdefault(number, system.bodies[body].service)
    return found


# -- channels and sources ---------------------------------------------------------------------------


def _channel_ticks(system: System, noted: Noted, window: int, windows: int) -> Ints:
    """Each channel's counts at the end of each window: the last that were read by then."""
    rows: list[list[int]] = []
    times = [round((when - noted.load.began) / noted.scale) for when, _ in noted.channels]
    for tick in range(windows):
        last = max((i for i, time in enumerate(times) if time <= (tick + 1) * window), default=-1)
        if last < 0:
            continue
        for channel in system.channels:
            counts = {**noted.channels[last][1].get(channel.name, {}), "tick": tick, "channel": channel.index}
            rows.append([counts.get(name, 0) for name in CHANNEL_TICKS])
    return np.array(rows, dtype=np.int64).reshape(-1, len(CHANNEL_TICKS))


def _channel_counts(system: System, noted: Noted) -> Ints:
    last = noted.channels[-1][1] if noted.channels else {}
    rows = [[last.get(c.name, {}).get(name, 0) for name in CHANNEL_COUNTS] for c in system.channels]
    return np.array(rows, dtype=np.int64).reshape(-1, len(CHANNEL_COUNTS))


def _sources(system: System, load: LoadResult, roots: Ints) -> Ints:
    table = np.zeros((len(system.sources), OUTCOMES + 2), dtype=np.int64)
    for source in system.sources:
        ended = np.bincount(roots[roots[:, 0] == source.index, 5], minlength=OUTCOMES)[:OUTCOMES]
        sent = max(load.sent.get(source.name, 0), int(ended.sum()))
        table[source.index] = [sent, *ended.tolist(), sent - int(ended.sum())]
    return table


def _in_flight(system: System, load: LoadResult, entries: Iterable[tuple[int, int]]) -> Ints:
    known = {(e["source"], e["target"]): int(e["in_flight"]) for e in load.entries}
    counts = [known.get((system.sources[s].name, system.body_name(t)), 0) for s, t in entries]
    return np.array(counts, dtype=np.int64)
