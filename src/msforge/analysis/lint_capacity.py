"""Warnings about capacity: what the offered load needs against what there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from msforge.analysis.finding import Facts, Finding, ms, number, percent
from msforge.analysis.load import Load, Moment, load_at, moments
from msforge.analysis.response import FULLEST, Response, Station
from msforge.analysis.worst import consumer_path
from msforge.model.plan import UNLIMITED, Service, Verb
from msforge.records import SECOND

FULL = 1 - 1e-9


@dataclass(frozen=True)
class Peak:
    """One moment at which the load may be at its highest, with the times as if nobody waited."""

    moment: Moment
    load: Load
    response: Response


class Peaks:
    """The moments that matter, solved once: every other moment offers less of everything."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def all(self) -> list[Peak]:
        """The moments none of which is below another in every source."""
        found: list[Moment] = []
        for moment in moments(self.facts.system):
            if any(_below(moment.rates, other.rates) for other in found):
                continue
            found = [m for m in found if not _below(m.rates, moment.rates)] + [moment]
        out = []
        for moment in found:
            load = load_at(self.facts.system, moment.rates)
            out.append(Peak(moment, load, Response(load, queueing=False, rough=True)))
        return out

    @cached_property
    def most_tries(self) -> dict[int, float]:
        """Tries a second of every call step at its most. A closed source counts what its users could ask at best."""
        rates: dict[int, float] = {}
        closed = tuple(_closed_bound(self.facts, s.index) for s in self.facts.system.sources)
        for peak in self.all:
            mixed = tuple(r + c for r, c in zip(peak.moment.rates, closed, strict=True))
            load = load_at(self.facts.system, mixed) if any(closed) else peak.load
            for step in self.facts.system.steps:
                if step.verb is Verb.CALL:
                    rates[step.index] = max(rates.get(step.index, 0.0), load.steps[step.index])
        return rates


def _below(less: tuple[float, ...], more: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(less, more, strict=True))


def _closed_bound(facts: Facts, source: int) -> float:
    """Requests a second of a closed source if every answer came at once; 0 for an open one."""
    plan = facts.system.sources[source]
    if plan.users <= 0:
        return 0.0
    think = plan.think.mean / SECOND if plan.think is not None else 0.0
    return plan.users / max(think, 1e-3)


def overloads(facts: Facts, peaks: Peaks) -> Iterator[Finding]:
    """W120 and W121: more work than servers; more requests at once than a pool holds."""
    worst: dict[tuple[str, int], tuple[float, Station, Peak]] = {}
    for peak in peaks.all:
        for station in peak.response.stations():
            use = _use(facts, station)
            key = (station.kind, station.index)
            if use >= FULL and use > worst.get(key, (0.0,))[0]:
                worst[key] = (use, station, peak)
    for use, station, peak in worst.values():
        yield _overload(facts, station, use, peak)


def _use(facts: Facts, station: Station) -> float:
    """Utilisation with as many replicas as the autoscaler may start: fewer of those are another warning's matter."""
    if math.isinf(station.servers) or station.arrivals <= 0:
        return 0.0
    offered = station.arrivals * station.service
    if not math.isfinite(offered):
        return 0.0  # a time without a mean is another warning's matter
    if station.kind in ("threads", "cpu"):
        service = facts.system.services[station.index]
        if service.autoscale is not None or service.function is not None:
            return 0.0
    if station.servers == 0 and station.kind != "threads":
        return 0.0
    return offered / station.servers if station.servers > 0 else math.inf


def _overload(facts: Facts, station: Station, use: float, peak: Peak) -> Finding:
    when = _when(facts, peak)
    need = number(station.arrivals * station.service)
    one = f"{number(station.arrivals)} a second, {ms(station.service * SECOND)} each"
    system = facts.system
    if station.kind == "connections":
        return Finding(
            "W120", f"stores.{station.name}.connections",
            f"{station.name} is offered {percent(use)} of what it can do{when}: {one}, keep {need} connections busy "
            f"and it has {number(station.servers)}. The wait grows without end",
            f"give it more than {need} connections, make operations faster or fewer (a cache)",
        )
    if station.kind == "consumer":
        path = consumer_path(system, station.index)
        channel = system.channels[system.consumers[station.index].channel]
        if channel.topic and station.name.endswith(FULLEST):
            return Finding(
                "W120", f"{path}.threads",
                f"{station.name} is offered {percent(use)} of what it can do{when}: {one}. Its partitions of "
                f"{channel.name} fall behind, whatever the others do",
                "keys that spread more evenly, a number of partitions that the threads divide, or a shorter handling",
            )
        what = "partitions" if channel.topic and station.servers == channel.partitions else "threads"
        return Finding(
            "W120", f"{path}.threads",
            f"{station.name} is offered {percent(use)} of what it can do{when}: {one}, need {need} at once and it "
            f"handles {number(station.servers)}. {channel.name} fills up",
            f"more {what}, more replicas or a shorter handling: more than {need} at once",
        )
    service = system.services[station.index]
    if station.kind == "cpu":
        return Finding(
            "W120", f"services.{station.name}.cpu",
            f"{station.name} is offered {percent(use)} of the CPU it has{when}: {one}, need {need} cores and "
            f"{service.replicas} x {number(station.servers / service.replicas)} are there",
            f"more replicas or cores: more than {need} cores in all",
        )
    return _full_pool(facts, station, service, use, when)


def _full_pool(facts: Facts, station: Station, service: Service, use: float, when: str) -> Finding:
    if service.replicas == 0:
        return Finding(
            "W120", f"services.{service.name}.replicas",
            f"{service.name} has no replica and is asked {number(station.arrivals)} times a second{when}: all of it "
            "fails",
            "give it replicas, or send it nothing",
        )
    need = station.arrivals * station.service
    waits = _waits_on(facts, service)
    sums = f"{number(station.arrivals)} a second x {ms(station.service * SECOND)} = {number(need)}"
    have = f"{service.replicas} x {service.threads} threads"
    if waits:
        return Finding(
            "W121", f"services.{service.name}.threads",
            f"{service.name} needs {number(need)} threads{when} even if nothing ever queues (Little's law: {sums}) and "
            f"has {have}: they are held while {waits} answers",
            f"more than {number(need)} threads in all (or `threads: unlimited`, an event loop), or shorter waits",
        )
    return Finding(
        "W120", f"services.{service.name}.threads",
        f"{service.name} is offered {percent(use)} of what it can do{when}: {sums} threads busy and it has {have}. "
        "What is too much waits, then is refused",
        f"more replicas or threads (more than {number(need)} in all), or less work per request",
    )


def _waits_on(facts: Facts, service: Service) -> str:
    """Whom the service's threads wait for: the callees, in words."""
    names: list[str] = []
    for body in service.bodies:
        if facts.system.bodies[body].consumer >= 0:
            continue
        for index in facts.inside(body):
            step = facts.system.steps[index]
            if step.verb is Verb.CALL and facts.remote(step):
                name = facts.system.services[facts.system.bodies[step.target].service].name
                if name not in names:
                    names.append(name)
    return " or ".join(names[:3])


def _when(facts: Facts, peak: Peak) -> str:
    stages = any(len(s.stages) > 1 or any(g.begin != g.end for g in s.stages) for s in facts.system.sources)
    rates = sum(peak.moment.rates)
    return f" at {number(rates)} requests a second (from {ms(peak.moment.time)})" if stages else ""


def small_bulkheads(facts: Facts, peaks: Peaks) -> Iterator[Finding]:
    """W121: a bulkhead that refuses healthy traffic."""
    worst: dict[int, tuple[float, str]] = {}
    for peak in peaks.all:
        for step in facts.calls():
            if step.policy.bulkhead == UNLIMITED:
                continue
            replicas = max(1, facts.system.services[step.service].replicas)
            rate = peak.load.steps[step.index] / replicas
            time = peak.response.call(step).mean
            if not math.isfinite(rate * time):
                continue  # a time without a mean is another warning's matter
            if rate * time >= step.policy.bulkhead and rate * time > worst.get(step.index, (0.0, ""))[0]:
                worst[step.index] = (rate * time, f"{number(rate)} a second x {ms(time * SECOND)}")
    for index, (need, sums) in worst.items():
        step = facts.system.steps[index]
        yield Finding(
            "W121", f"{step.path}.bulkhead",
            f"the bulkhead lets {step.policy.bulkhead} calls to {facts.name(step.target)} be in flight per replica of "
            f"{facts.system.services[step.service].name}; the load needs {number(need)} when all is well "
            f"(Little's law: {sums})",
            f"set it to at least {math.ceil(need * 2)}: twice the mean, for the peaks around it",
        )


def small_autoscalers(facts: Facts, peaks: Peaks) -> Iterator[Finding]:
    """W122: the most replicas the autoscaler may start are too few."""
    worst: dict[int, tuple[float, Peak]] = {}
    for peak in peaks.all:
        for station in peak.response.stations():
            if station.kind not in ("threads", "cpu"):
                continue
            service = facts.system.services[station.index]
            if service.autoscale is None or math.isinf(station.servers) or service.replicas == 0:
                continue
            per = station.servers / service.replicas
            need = station.arrivals * station.service / per
            full = math.isfinite(need) and need > service.autoscale.maximum * FULL
            if full and need > worst.get(station.index, (0.0,))[0]:
                worst[station.index] = (need, peak)
    for index, (need, peak) in worst.items():
        service = facts.system.services[index]
        scale = service.autoscale
        assert scale is not None
        wanted = math.ceil(need / scale.target)
        yield Finding(
            "W122", f"services.{service.name}.autoscale.max",
            f"{service.name} may grow to {scale.maximum} replicas; the load{_when(facts, peak)} keeps {number(need)} "
            f"fully busy, and its target of {percent(scale.target)} asks for {wanted}",
            f"set `max` to {wanted} or more",
        )
