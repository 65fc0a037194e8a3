"""The loads worth explaining: where traffic begins, and its worst moment; closed sources solved for their rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from msforge.analysis.load import Load, Moment, load_at, moments
from msforge.analysis.response import Response, Station
from msforge.analysis.times import of
from msforge.model.plan import Block, Source, System, Verb
from msforge.records import SECOND

STEPS = 60
CLOSE = 1e-7
SWEEPS = 4
BARELY = 1e-6    # of its own load that a single user finds: none, but its requests still pass


@dataclass(frozen=True)
class Solved:
    """A level with its times. A closed source's own requests don't wait for themselves (see `solve`)."""

    name: str
    time: int
    rates: tuple[float, ...]      # per source
    load: Load
    response: Response
    ramping: bool

    @property
    def rate(self) -> float:
        """Requests per second of all sources, journeys counted request by request."""
        flow = self.load.flow
        pairs = zip(self.load.system.sources, self.rates, strict=True)
        return sum(rate * sum(flow.entries(source).values()) for source, rate in pairs)

    def stations(self) -> list[Station]:
        """All stations, with the waits of the solution and the arrivals of the whole load."""
        found = self.response.stations()
        if self.response.load.rates == self.rates:
            return found
        whole = {(s.kind, s.index): s.arrivals for s in Response(self.load, queueing=False).stations()}
        return [_with_arrivals(s, whole[s.kind, s.index]) for s in found]


def _with_arrivals(station: Station, arrivals: float) -> Station:
    busy = arrivals * station.service if arrivals > 0 else 0.0
    use = busy / station.servers if station.servers > 0 else 0.0
    return replace(station, arrivals=arrivals, busy=busy, utilisation=min(use, 1.0) if math.isfinite(use) else use)


def levels(system: System) -> list[Solved]:
    """One level when traffic never changes, else the first and the worst."""
    every = [m for m in moments(system) if any(m.rates)] or [Moment(0, tuple(0.0 for _ in system.sources))]
    base = every[0]
    peak = max(every, key=lambda m: (_strain(system, m), sum(m.rates)))
    if peak.rates == base.rates:
        return [solve(system, base, "steady", _ramps(system, base))]
    return [solve(system, base, "base", _ramps(system, base)), solve(system, peak, "peak", _ramps(system, peak))]


def _strain(system: System, moment: Moment) -> float:
    load = load_at(system, moment.rates)
    stations = Response(load, queueing=False).stations()
    return max((s.arrivals * s.service / s.servers for s in stations if 0 < s.servers < math.inf), default=0.0)


def _ramps(system: System, moment: Moment) -> bool:
    """Whether some rate differs just before and after, or moves at that time."""
    return any(_ramps_source(source, moment) for source in system.sources)


def _ramps_source(source: Source, moment: Moment) -> bool:
    rate = moment.rates[source.index]
    if any(stage.begin == stage.end == rate for stage in source.stages):
        return False
    clock = source.start
    for stage in source.stages:
        if clock <= moment.time <= clock + stage.duration and stage.begin != stage.end:
            return True
        clock += stage.duration
    return False


def solve(system: System, moment: Moment, name: str, ramping: bool = False) -> Solved:
    """Times at one moment, autoscalers at rest and closed sources at the rate their answers allow.

    A closed source of N users finds (N - 1)/N of its own load before it, which makes the open
    formulas Schweitzer's approximate mean value analysis (P. Schweitzer 1979; exact for N = 1).
    """
    system = at_rest(system, moment.rates)
    closed = [s for s in system.sources if s.users > 0]
    rates = list(moment.rates)
    for _ in range(SWEEPS if len(closed) > 1 else 1):
        for source in closed:
            rates[source.index] = _closed_rate(system, rates, source)
    load = load_at(system, tuple(rates))
    seen = _seen(system, rates)
    response = Response(load if seen == tuple(rates) else load_at(system, seen))
    return Solved(name, moment.time, tuple(rates), load, response, ramping)


def _seen(system: System, rates: list[float]) -> tuple[float, ...]:
    pairs = zip(system.sources, rates, strict=True)
    return tuple(r * max((s.users - 1) / s.users, BARELY) if s.users > 0 else r for s, r in pairs)


def _closed_rate(system: System, rates: list[float], source: Source) -> float:
    """The rate X at which X * (think + response(X)) is the number of users, found numerically: it only grows with X."""
    think = source.think.mean / SECOND if source.think is not None else 0.0
    trial = list(rates)
    trial[source.index] = 0.0
    unloaded = turn(Response(load_at(system, _seen(system, trial))), source)
    if not math.isfinite(think + unloaded):
        return 0.0
    def excess(rate: float) -> float:
        """Users busy at this rate, less those there are; at most as many again, so that a pole does no harm."""
        trial[source.index] = rate
        took = think + turn(Response(load_at(system, _seen(system, trial))), source)
        return min(rate * took, 2.0 * source.users) - source.users

    return _root(excess, source.users / max(think + unloaded, 1e-9), -float(source.users))


def _root(excess: Callable[[float], float], high: float, at_zero: float) -> float:
    """Where a growing function crosses 0 in (0, high]: false position, Illinois variant (Dowell and Jarratt 1971)."""
    low, f_low, f_high = 0.0, at_zero, excess(high)
    if f_high <= 0:
        return high
    side = 0
    for _ in range(STEPS):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        f = excess(middle)
        if f > 0:
            high, f_high = middle, f
            f_low /= 2 if side == 1 else 1
            side = 1
        else:
            low, f_low = middle, f
            f_high /= 2 if side == -1 else 1
            side = -1
        if high - low <= CLOSE * high or abs(f) <= CLOSE * -at_zero:
            return middle
    return low


def turn(response: Response, source: Source) -> float:
    """Mean seconds of one journey, think times between its requests included."""
    return _journey(response, source.journey)


def _journey(response: Response, block: Block) -> float:
    total = 0.0
    for index in block:
        step = response.system.steps[index]
        if step.verb is Verb.CALL:
            total += response.entry(step.target).mean
        elif step.verb is Verb.THINK and step.dist is not None:
            total += of(step.dist).mean
        elif step.verb is Verb.CHOOSE:
            total += sum(w * _journey(response, b) for w, b in zip(step.weights, step.blocks, strict=True) if w > 0)
        elif step.verb is Verb.REPEAT and step.dist is not None:
            total += step.dist.mean * _journey(response, step.blocks[0])
    return total


def at_rest(system: System, rates: tuple[float, ...]) -> System:
    """The system with as many replicas as each autoscaler settles at under `rates`: ceil(busy / target)."""
    if not any(s.autoscale for s in system.services):
        return system
    stations = {(s.kind, s.index): s for s in Response(load_at(system, rates), queueing=False).stations()}
    services = []
    for service in system.services:
        scale = service.autoscale
        station = stations.get((scale.metric, service.index)) if scale is not None else None
        if scale is None or station is None or math.isinf(station.servers) or service.replicas == 0:
            services.append(service)
            continue
        per = station.servers / service.replicas
        wanted = station.arrivals * station.service / (per * scale.target) if station.arrivals > 0 else 0.0
        wanted = min(max(wanted - 1e-9, scale.minimum), scale.maximum)
        services.append(replace(service, replicas=math.ceil(wanted)))
    return replace(system, services=tuple(services))


