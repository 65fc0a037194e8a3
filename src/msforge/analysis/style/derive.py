"""The numbers of a situation that a description already has: services, calls in a row, load, uneven peaks, budget."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from msforge.analysis.availability import availability
from msforge.analysis.finding import Facts
from msforge.analysis.levels import Solved, levels
from msforge.analysis.load import load_at
from msforge.analysis.response import Response
from msforge.model.plan import Service, System, Verb
from msforge.policies.distributions import Dist
from msforge.records import SECOND

PROBE = 1_000_000.0
"""ns of latency that is added to count hops."""
LATENCIES = ("p99", "p95", "p90", "p50", "mean")


def derive(system: System) -> dict[str, Any]:
    """Values by name, as `Situation` has them. Empty for a system that nobody asks."""
    facts = Facts(system)
    entries = list(dict.fromkeys(step.target for _, step, _, _ in facts.client_calls()))
    if not entries:
        return {}
    solved = levels(system)
    ours = [service for service in system.services if not service.external]
    longest = max(entries, key=lambda body: _unloaded(system, body, None))
    hops = max(1.0, round(calls_in_a_row(system, longest), 2))
    alone = _unloaded(system, longest, 0.0)
    hop = 2 * system.network.latency.mean
    found: dict[str, Any] = {
        "services": len(ours), "languages": len({service.language for service in ours}),
        "hops": hops, "required": _required(facts, longest),
        "alone": max(1, round(neat(alone))), "rate": neat(solved[-1].rate), "cpu": round(neat(_cpu(solved[-1]))),
    }
    if hop > 0:
        found["hop"] = round(neat(hop))
    found |= _uneven(solved) | _objectives(system, entries) | _each(system, longest, found["required"])
    found = {name: value for name, value in found.items() if value > 0 and math.isfinite(value)}
    return found | _prices(ours)


def neat(value: float) -> float:
    """Four digits: more would claim more than is known."""
    return float(f"{value:.4g}")


def _prices(services: list[Service]) -> dict[str, Any]:
    """What a core costs where machines have prices; their memory is in it."""
    priced = [s for s in services if s.cost_per_hour > 0 and s.cpu is not None and s.cpu.cores > 0]
    cores = sum(s.replicas * s.cpu.cores for s in priced if s.cpu is not None)
    if not cores:
        return {}
    return {"core_price": sum(s.replicas * s.cost_per_hour for s in priced) / cores, "memory_price": 0.0}


def _unloaded(system: System, body: int, latency: float | None) -> float:
    """Mean ns of a request when nobody waits; with this latency on every hop."""
    if latency is not None:
        system = with_latency(system, latency)
    load = load_at(system, tuple(0.0 for _ in system.sources))
    return Response(load, queueing=False, rough=True).entry(body).mean * SECOND


def with_latency(system: System, latency: float) -> System:
    """The same system with this latency (ns) on every hop, one way."""
    network = replace(system.network, latency=Dist("constant", (latency,)), zone_latency=None)
    return replace(system, network=network)


def without_network(system: System) -> System:
    """The same system with a network that takes no time."""
    return with_latency(system, 0.0)


def calls_in_a_row(system: System, body: int) -> float:
    """Round trips between services that an answer of `body` waits for, the client's own left out.

    Counted by what a millisecond more of latency adds: of branches only the longest counts, of choices their mean.
    """
    trips = (_unloaded(system, body, PROBE) - _unloaded(system, body, 0.0)) / (2 * PROBE)
    return trips - 1


def _required(facts: Facts, entry: int) -> int:
    """Services that a request reaches by calls, its own included."""
    seen, todo = {entry}, [entry]
    while todo:
        for index in facts.inside(todo.pop()):
            step = facts.system.steps[index]
            if step.verb is Verb.CALL and step.target not in seen:
                seen.add(step.target)
                todo.append(step.target)
    return len({facts.system.bodies[body].service for body in seen})


def _cpu(level: Solved) -> float:
    """CPU time of a request in all services, ns; 0 where the description has no cores."""
    used = sum(s.arrivals * s.service for s in level.stations() if s.kind == "cpu")
    return used / level.rate * SECOND if level.rate > 0 else 0.0


def _uneven(solved: list[Solved]) -> dict[str, Any]:
    """The part whose work grows most beside the others between the base and the peak, and its share of the work."""
    base, peak = (_works(solved[0]), _works(solved[-1]))
    usual = {name: work for name, work in base.items() if work > 0}
    whole = sum(usual.values())
    if len(usual) < 2:
        return {}
    grown = {name: peak.get(name, 0.0) / work for name, work in usual.items()}
    part = max(sorted(grown), key=lambda name: round(grown[name], 9))
    others = [name for name in usual if name != part]
    rest = sum(peak.get(name, 0.0) for name in others) / sum(usual[name] for name in others)
    apart = grown[part] / rest if rest > 0 else 1.0
    return {"share": neat(usual[part] / whole), "peak": max(1.0, neat(apart))}


def _works(level: Solved) -> dict[str, float]:
    return {s.name: s.arrivals * s.service for s in level.stations() if s.kind == "cpu"}


def _objectives(system: System, entries: list[int]) -> dict[str, Any]:
    """The tightest promises of the file about what clients ask."""
    about = [o for o in system.objectives if o.source >= 0 or o.body in entries]
    found: dict[str, Any] = {}
    for metric in LATENCIES:
        limits = [o.limit for o in about if o.metric == metric and o.less]
        if limits:
            found["budget"] = round(min(limits))
            break
    sure = [o.limit for o in about if o.metric in ("success", "availability") and not o.less and 0.5 <= o.limit < 1]
    return found | ({"availability": max(sure)} if sure else {})


def _each(system: System, entry: int, required: int) -> dict[str, Any]:
    """The availability of one service that gives what the file's failure rates come to for a request in all."""
    chance = availability(system, [entry])[0].get(entry)
    if chance is None or not 0 < chance < 1:
        return {}
    each = chance ** (1 / required)
    return {"each": 1 - neat(1 - each)} if each >= 0.5 else {}
