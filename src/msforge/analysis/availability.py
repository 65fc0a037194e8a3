"""Availability from the failure rates in the file: random faults, replicas, fallbacks, retries.

A fault with `every` and `for` alternates between up and down; its share of time down is
MTTR / (MTBF + MTTR) (Ross, Introduction to Probability Models, 7.5). A service whose replicas
fail each on their own is down when all are (k of n, k = 1). The states of all components are
combined exactly when there are few, and each state's chance of success follows the steps: a
call in a row must succeed, a fallback rescues, `need` counts branches, a retry tries anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from msforge.analysis.explanation import Availability, Component
from msforge.analysis.finding import ms, percent
from msforge.analysis.flow import Ending, Flow
from msforge.analysis.queueing import alternating_availability
from msforge.model.plan import Fault, Service, Step, System, Verb

ALL_STATES = 10      # components up to which every combination is counted
PAIRS = 40           # up to which pairs of failures are, else single ones


@dataclass(frozen=True)
class Part:
    """A component that is down a share of the time, and what is broken while it is."""

    name: str
    down: float
    how: str
    services: frozenset[int] = frozenset()
    cuts: frozenset[tuple[int, int]] = frozenset()       # caller, callee service; caller -2: the clients
    drops: tuple[tuple[int, int, float], ...] = ()
    stores: tuple[tuple[int, float], ...] = ()           # store, share of operations that fail
    fails: tuple[tuple[int, int, float, bool], ...] = ()  # service, body or -1, rate, whether it counts as rejected


@dataclass
class State:
    """Everything broken at once, and what fails by chance besides."""

    services: set[int] = field(default_factory=set)
    cuts: set[tuple[int, int]] = field(default_factory=set)
    drops: list[tuple[int, int, float]] = field(default_factory=list)
    stores: list[tuple[int, float]] = field(default_factory=list)
    fails: list[tuple[int, int, float, bool]] = field(default_factory=list)


class Broken(Flow):
    """How requests end in one state. `misses`: chance that a try goes to a replica whose crash is not yet known."""

    def __init__(self, system: System, state: State, misses: Mapping[int, float]) -> None:
        super().__init__(system)
        self.state = state
        self.misses = misses

    def one_try(self, step: Step) -> Ending:
        """A try of a call in this state."""
        return self.reach(step.service, step.target)

    def operation(self, step: Step) -> Ending:
        """A read or write in this state; a cached read needs the store on a miss only."""
        ok = 1.0
        for store, rate in self.state.stores:
            if store == step.target:
                ok *= 1 - rate * (1 - self.hit(step) if step.cache is not None else 1.0)
        return Ending(ok, 1 - ok)

    def reach(self, caller: int, body: int) -> Ending:
        """A request from a service (-2: a client) to a body."""
        service = self.system.bodies[body].service
        if service == caller:
            return self.ending(body)
        if service in self.state.services or (caller, service) in self.state.cuts:
            return Ending(0.0, 1.0)
        ok = 1 - self.misses.get(service, 0.0)
        for a, b, rate in self.state.drops:
            if (a, b) == (caller, service):
                ok *= (1 - rate) ** 2     # the request and the answer
        end = self.ending(body)
        rejected = end.rejected * ok
        good = end.ok * ok
        for fails, only, rate, refuses in self.state.fails:
            if fails == service and only in (-1, body):
                rejected += good * rate if refuses else 0.0
                good *= 1 - rate
        return Ending(good, max(0.0, 1 - good - rejected), rejected)


def availability(system: System, entries: list[int]) -> tuple[dict[int, float], Availability]:
    """(chance of success of a request to each entry body, where it comes from); empty without failure rates."""
    parts = [p for fault in system.faults if fault.every is not None for p in _parts(system, fault)]
    misses = _misses(system)
    chances = [s for s in system.steps if s.verb is Verb.FAIL and s.rate > 0]
    timed = sum(f.at >= 0 for f in system.faults)
    notes: list[str] = []
    if timed:
        notes.append(f"{timed} fault{'s' * (timed != 1)} at fixed times: experiments, not failure rates; not counted")
    if not parts and not misses and not chances:
        return {}, Availability((), tuple(notes))
    found = dict.fromkeys(entries, 0.0)
    seen = 0.0
    for weight, state in _states(parts):
        seen += weight
        broken = Broken(system, state, misses)
        for body in entries:
            found[body] += weight * broken.reach(-2, body).ok
    if 1 - seen > 1e-9:
        notes.append(f"more failures at once than counted happen {percent(1 - seen)} of the time: taken as failing")
    if any(f.kind in ("slow", "pause", "delay") and f.every is not None for f in system.faults):
        notes.append("random slowness, pauses and delays cost time, not answers, unless a timeout fires: not counted")
    if parts:
        notes.append("replicas that are left are taken to bear the load of those that are down")
    rows = [Component(p.name, 1 - p.down, p.how) for p in parts]
    for step in chances:
        how = f"a `fail` step ends {percent(step.rate)} of those that come to it"
        rows.append(Component(system.body_name(step.body), 1 - step.rate, how))
    for index, missed in misses.items():
        service = system.services[index]
        how = f"tries sent to a dead replica until the balancer knows, {ms(service.detect)} later"
        rows.append(Component(service.name, 1 - missed, how))
    return found, Availability(tuple(rows), tuple(notes))


def _states(parts: list[Part]) -> Iterator[tuple[float, State]]:
    """(probability, state) of every combination that counts."""
    most = len(parts) if len(parts) <= ALL_STATES else 2 if len(parts) <= PAIRS else 1
    healthy = math.prod(1 - p.down for p in parts)
    for many in range(most + 1):
        for chosen in combinations(parts, many):
            weight = healthy
            state = State()
            for p in chosen:
                weight = weight * p.down / (1 - p.down) if p.down < 1 else weight
                state.services |= p.services
                state.cuts |= p.cuts
                state.drops += p.drops
                state.stores += p.stores
                state.fails += p.fails
            yield weight, state


def _times(system: System, fault: Fault, service: Service | None) -> tuple[float, float]:
    """(mean time up, mean time down) of a random fault, ns."""
    up = fault.every.mean if fault.every is not None else math.inf
    down = fault.duration.mean if fault.duration is not None else math.inf
    if service is not None and fault.kind in ("crash", "zone"):
        down += service.startup.mean
    return up, down


def _parts(system: System, fault: Fault) -> Iterator[Part]:
    service = system.services[fault.service] if fault.service >= 0 else None
    up, down = _times(system, fault, service)
    share = 1 - alternating_availability(up, down) if math.isfinite(down) else 1.0
    words = f"every {ms(up)} for {ms(down)}"
    if fault.kind == "crash" and service is not None:
        yield from _crash(fault, service, share, words)
    elif fault.kind == "zone":
        yield from _zone(system, fault, share, words)
    elif fault.kind == "cut" and fault.callee >= 0:
        name = f"{_caller(system, fault)} -> {system.services[fault.callee].name}"
        yield Part(name, share, f"cut {words}", cuts=frozenset({(fault.caller, fault.callee)}))
    elif fault.kind == "drop" and fault.callee >= 0:
        name = f"{_caller(system, fault)} -> {system.services[fault.callee].name}"
        lost = (fault.caller, fault.callee, fault.rate)
        yield Part(name, share, f"loses {percent(fault.rate)} {words}", drops=(lost,))
    elif fault.kind == "fail" and fault.store >= 0:
        name = system.stores[fault.store].name
        yield Part(name, share, f"fails {percent(fault.rate)} {words}", stores=((fault.store, fault.rate),))
    elif fault.kind == "fail" and (service is not None or fault.body >= 0):
        at = fault.service if fault.service >= 0 else system.bodies[fault.body].service
        name = system.body_name(fault.body) if fault.body >= 0 else system.services[at].name
        part = (at, fault.body, fault.rate, fault.status < 500)
        yield Part(name, share, f"fails {percent(fault.rate)} of requests {words}", fails=(part,))


def _crash(fault: Fault, service: Service, share: float, words: str) -> Iterator[Part]:
    n = service.replicas
    broken = frozenset({service.index})
    if fault.replicas == "each":
        each = f"{n} replicas, each down {words} ({percent(share)} of the time); down when all are"
        yield Part(service.name, share**n, each if n > 1 else f"down {words}", broken)
    elif fault.replicas == "all" or fault.number >= n:
        yield Part(service.name, share, f"down {words}", broken)
    else:
        yield Part(service.name, 0.0, f"{fault.number} of {n} replicas down {words}: the others answer")


def _zone(system: System, fault: Fault, share: float, words: str) -> Iterator[Part]:
    lost = frozenset(
        s.index for s in system.services
        if s.zones and s.replicas > 0 and all(s.zones[r % len(s.zones)] == fault.zone for r in range(s.replicas))
    )
    names = ", ".join(system.services[i].name for i in sorted(lost)) or "no service stands there alone"
    yield Part(f"zone {system.zones[fault.zone]}", share, f"down {words}; takes down: {names}", lost)


def _caller(system: System, fault: Fault) -> str:
    return system.services[fault.caller].name if fault.caller >= 0 else "clients"


def _misses(system: System) -> dict[int, float]:
    """Chance that a try meets a replica that is down and not yet known to be, by service."""
    found: dict[int, float] = {}
    for fault in system.faults:
        if fault.kind != "crash" or fault.every is None or fault.service < 0 or fault.replicas == "all":
            continue
        service = system.services[fault.service]
        up, down = _times(system, fault, service)
        unknown = min(service.detect, down) / (up + down) if math.isfinite(down) else 0.0
        hit = 1.0 if fault.replicas == "each" else min(1.0, fault.number / max(1, service.replicas))
        if unknown * hit > 0 and service.replicas > 1:
            found[service.index] = found.get(service.index, 0.0) + unknown * hit
    return found
