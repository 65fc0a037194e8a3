"""How much arrives and when: the sources' rates over time, and what each body, step and store then gets."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass

from msforge.analysis.flow import Flow
from msforge.model.hits import hit_ratio
from msforge.model.plan import UNLIMITED, Source, System, Verb
from msforge.records import SECOND


@dataclass(frozen=True, slots=True)
class Moment:
    """Arrival rates (per second) of every source just after `time` (ns). Closed sources count 0 until solved."""

    time: int
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Load:
    """What the system gets at one moment, per second."""

    flow: Flow
    rates: tuple[float, ...]      # per source
    bodies: tuple[float, ...]     # executions; of a consumer, deliveries
    steps: tuple[float, ...]      # executions; of a call, tries
    stores: tuple[tuple[float, float], ...]  # reads, writes

    @property
    def system(self) -> System:
        """The plan this load is of."""
        return self.flow.system


def rate_at(source: Source, time: int, *, before: bool = False) -> float:
    """Arrivals per second at `time` (or just before it). 0 for a closed source."""
    if source.times:
        return _given_rate(source, time)
    clock = source.start
    for stage in source.stages:
        end = clock + stage.duration
        inside = clock < time <= end if before else clock <= time < end
        if inside and stage.duration > 0:
            return stage.begin + (stage.end - stage.begin) * (time - clock) / stage.duration
        clock = end
    return 0.0


def _given_rate(source: Source, time: int) -> float:
    """Given times have no rate; take those of the next 10 s."""
    span = 10 * SECOND
    low = bisect.bisect_left(source.times, time)
    return (bisect.bisect_left(source.times, time + span) - low) / (span / SECOND)


def moments(system: System) -> list[Moment]:
    """Every time at which some rate bends, both sides of it: the extremes of all rates are among them."""
    times: set[int] = {0}
    for source in system.sources:
        clock = source.start
        times.add(clock)
        for stage in source.stages:
            clock += stage.duration
            times.add(clock)
        if source.times:
            times.update(range(0, source.times[-1] + 1, 10 * SECOND))
    out: list[Moment] = []
    for time in sorted(t for t in times if t <= system.run.duration):
        for before in (True, False):
            rates = tuple(rate_at(s, time, before=before) for s in system.sources)
            if not out or out[-1].rates != rates:
                out.append(Moment(time, rates))
    return out


def load_at(system: System, rates: tuple[float, ...]) -> Load:
    """What every part gets when the sources arrive at `rates`. Keyed caches are solved for their rate."""
    load = _load(Flow(system), rates)
    keyed = [s for s in system.steps if s.cache is not None and s.cache.hit < 0]
    if not keyed:
        return load
    hits = {s.index: hit_ratio(s.cache, load.steps[s.index]) for s in keyed if s.cache is not None}
    return _load(Flow(system, hits), rates)


def _load(flow: Flow, rates: tuple[float, ...]) -> Load:
    system = flow.system
    entries: dict[int, float] = {}
    for source, rate in zip(system.sources, rates, strict=True):
        if rate > 0:
            for body, n in flow.entries(source).items():
                entries[body] = entries.get(body, 0.0) + rate * n
    bodies = flow.bodies_per(entries)
    steps = flow.steps_per(bodies)
    return Load(flow, tuple(rates), tuple(bodies), tuple(steps), tuple(_stores(flow, steps)))


def _stores(flow: Flow, steps: list[float]) -> list[tuple[float, float]]:
    reads = [0.0] * len(flow.system.stores)
    writes = [0.0] * len(flow.system.stores)
    for step in flow.system.steps:
        n = steps[step.index]
        if n <= 0:
            continue
        if step.verb is Verb.WRITE:
            writes[step.target] += n
        elif step.verb is Verb.READ:
            if step.cache is None:
                reads[step.target] += n
            else:
                reads[step.cache.store] += n
                reads[step.target] += n * (1 - flow.hit(step))
    return list(zip(reads, writes, strict=True))


def consumer_servers(system: System, consumer: int) -> float:
    """How many messages a consumer handles at once, all replicas together."""
    c = system.consumers[consumer]
    channel = system.channels[c.channel]
    per_replica = c.threads if c.prefetch == UNLIMITED or channel.topic else min(c.threads, c.prefetch)
    servers = float(per_replica * system.services[c.service].replicas) if c.threads != UNLIMITED else math.inf
    return min(servers, float(channel.partitions)) if channel.topic else servers


def mean_rates(system: System) -> tuple[float, ...]:
    """Each source's mean arrivals per second while it runs."""
    out = []
    for s in system.sources:
        span = sum(g.duration for g in s.stages)
        area = sum((g.begin + g.end) / 2 * g.duration for g in s.stages)
        out.append(area / span if span else rate_at(s, s.times[0] if s.times else 0))
    return tuple(out)


def with_rates(moment: Moment, closed: Mapping[int, float]) -> Moment:
    """The same moment with the solved rates of closed sources."""
    return Moment(moment.time, tuple(closed.get(i, r) for i, r in enumerate(moment.rates)))
