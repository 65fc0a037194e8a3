"""`explain`: puts the parts of the theory together for every entry, station and level."""

from __future__ import annotations

import math

from msforge.analysis.availability import availability
from msforge.analysis.capacity import bottleneck, rate_limits
from msforge.analysis.cost import cost
from msforge.analysis.exactness import Exactness
from msforge.analysis.explanation import (
    Amplified,
    Entry,
    Explanation,
    Latency,
    Level,
    StationAt,
    StationRow,
    Worst,
    finite,
)
from msforge.analysis.finding import Facts, times_word
from msforge.analysis.flow import Flow
from msforge.analysis.levels import Solved, levels
from msforge.analysis.response import Response, Station
from msforge.analysis.worst import Amplification, WorstTime, call_bound, chains_into
from msforge.model.plan import NEVER, UNLIMITED, CallPolicy, System, Verb
from msforge.model.visits import reach
from msforge.records import SECOND

WORST_SHOWN = 400    # bodies up to which every endpoint's amplification is worked out


def explain(system: System) -> Explanation:
    """What theory says about `system` at its base and peak load."""
    facts = Facts(system)
    solved = levels(system)
    bodies = list(dict.fromkeys(step.target for _, step, _, _ in facts.client_calls()))
    chances, sources = availability(system, bodies)
    alone = Response(solved[0].load, queueing=False)  # caches are as warm as that load keeps them
    judges = [Exactness(level) for level in solved]
    return Explanation(
        system=system.name,
        scenario=system.scenario,
        levels=tuple(_level(level) for level in solved),
        entries=tuple(_entry(facts, body, solved, judges, alone, chances.get(body)) for body in bodies),
        stations=_stations(solved),
        bottleneck=bottleneck(system, solved[-1]),
        availability=sources,
        cost=cost(solved[0]),
        notes=tuple(_notes(system)),
    )


def _level(level: Solved) -> Level:
    flow = level.load.flow
    shares = tuple(
        (s.name, rate * sum(flow.entries(s).values()))
        for s, rate in zip(level.load.system.sources, level.rates, strict=True)
    )
    return Level(level.name, level.time, level.rate, shares, level.ramping)


def _ns(seconds: float) -> float | None:
    return finite(seconds * SECOND)


# --- entries


def _entry(
    facts: Facts, body: int, solved: list[Solved], judges: list[Exactness], alone: Response, chance: float | None
) -> Entry:
    system = facts.system
    found = reach(system)[body]
    asked = [(source, policy) for source, step, policy, _ in facts.client_calls() if step.target == body]
    worst = _worst(facts, body)
    return Entry(
        name=facts.name(body),
        sources=tuple(dict.fromkeys(source.name for source, _ in asked)),
        calls=found.calls,
        operations=found.operations,
        messages=found.messages,
        depth=found.depth,
        unloaded=_ns(alone.entry(body).mean),
        latency=tuple(_latency(level, judge, body) for level, judge in zip(solved, judges, strict=True)),
        worst=worst,
        client_worst=_client_worst(worst, [policy for _, policy in asked]),
        amplified=_amplified(facts, body),
        availability=chance,
    )


def _latency(level: Solved, judge: Exactness, body: int) -> Latency:
    mean = level.response.entry(body).mean
    if not math.isfinite(mean) or mean > 1e6 or not level.response.converged:
        full = [s for s in level.stations() if not math.isfinite(s.wait) and s.utilisation >= 1]
        why = [f"{_words(s)} cannot do what is offered" for s in full[:3]]
        why = why or ["the load is so near the limit that the approximations give none"]
        return Latency(level.name, None, "none", (), tuple(why))
    verdict = judge.entry(body)
    kind = "approximation" if verdict.reasons else "exact"
    return Latency(level.name, _ns(mean), kind, tuple(verdict.methods), tuple(verdict.reasons))


def _words(station: Station) -> str:
    return {
        "threads": f"the threads of {station.name}", "cpu": f"the CPU of {station.name}",
        "connections": f"the connections of {station.name}", "consumer": f"the consumer {station.name}",
    }[station.kind]


def _worst(facts: Facts, body: int) -> Worst:
    bound = WorstTime(facts.system, strict=True).body(body)
    step = facts.system.steps[bound.cause] if bound.cause >= 0 else None
    if math.isfinite(bound.time):
        if step is None:
            return Worst(bound.time, "it calls nobody: only its own work, at its mean")
        return Worst(bound.time, f"most of it: {_arrow(facts, step.index)}")
    why = "has no timeout" if step is not None else "something it does has no limit"
    retry = step.policy.retry if step is not None else None
    if step is not None and retry is not None and retry.attempts == UNLIMITED and step.policy.timeout != NEVER:
        why = "retries without end"
    return Worst(None, f"{_arrow(facts, step.index)} {why}" if step is not None else why)


def _arrow(facts: Facts, index: int) -> str:
    system, step = facts.system, facts.system.steps[index]
    who = facts.name(step.body)
    if step.verb is Verb.CALL:
        return f"{who} -> {facts.name(step.target)}"
    if step.verb is Verb.PUBLISH:
        return f"{who} -> channel {system.channels[step.target].name}"
    return f"{who} -> store {system.stores[step.target].name}"


def _client_worst(worst: Worst, policies: list[CallPolicy]) -> Worst:
    inner = worst.time if worst.time is not None else math.inf
    longest = max((call_bound(p, inner) for p in policies), default=inner)
    if not math.isfinite(longest):
        return Worst(None, "the client sets no timeout")
    if any(p.timeout != NEVER or p.deadline != NEVER for p in policies):
        return Worst(longest, "by the client's own timeout")
    return Worst(longest, worst.because)


def _amplified(facts: Facts, entry: int) -> tuple[Amplified, ...]:
    """Endpoints at which one request can cause more than one try, most first. A client's retries are not counted."""
    system = facts.system
    if len(system.bodies) > WORST_SHOWN:
        return ()
    best = chains_into(system, facts.flow.order)
    once = _once(facts, entry)
    rows = []
    for body in system.bodies:
        if body.index == entry or once.get(body.index, 0.0) <= 0:
            continue
        tries, _ = Amplification(system, body.index).body(entry)
        if tries > max(1.0, once[body.index]):
            path = ", ".join(f"{k.who} -> {k.whom} {times_word(k.attempts)}" for k in best[body.index].links)
            rows.append(Amplified(facts.name(body.index), finite(tries), path, body.consumer >= 0))
    return tuple(sorted(rows, key=lambda a: (-(a.tries if a.tries is not None else math.inf), a.endpoint)))


def _once(facts: Facts, entry: int) -> dict[int, float]:
    """Executions of every body per request to `entry` when all is well."""
    flow = Flow(facts.system, failing=False)
    return {b: n for b, n in enumerate(flow.bodies_per({entry: 1.0})) if n > 0}


# --- stations


def _stations(solved: list[Solved]) -> tuple[StationRow, ...]:
    rows: dict[tuple[str, int], list[StationAt]] = {}
    names: dict[tuple[str, int], str] = {}
    for level in solved:
        for station in [*level.stations(), *rate_limits(level.load)]:
            if station.arrivals <= 0 and (station.kind, station.index) not in rows:
                continue
            rows.setdefault((station.kind, station.index), []).append(_at(level.name, station))
            names[station.kind, station.index] = station.name
    return tuple(StationRow(kind, names[kind, index], tuple(found)) for (kind, index), found in rows.items())


def _at(level: str, s: Station) -> StationAt:
    use = s.utilisation if math.isfinite(s.utilisation) else 1.0
    busy = s.busy if math.isfinite(s.busy) else s.servers
    wait = _ns(s.wait) if s.wait < 1e6 else None
    return StationAt(level, s.arrivals, _ns(s.service), use, busy, wait, finite(s.servers))


def _notes(system: System) -> list[str]:
    notes = []
    if any(f.at >= 0 for f in system.faults):
        many = sum(f.at >= 0 for f in system.faults)
        notes.append(f"the {many} timed fault{'s' * (many != 1)} of the file: this is the system when all is well")
    bursty = [s.name for s in system.sources if s.arrivals == "bursty"]
    if bursty:
        notes.append(f"the bursts of {', '.join(bursty)}: the mean rate is used, waits will be longer")
    if any(s.policy.breaker is not None or s.policy.throttle is not None for s in system.steps):
        notes.append("breakers and throttles: they do nothing while calls succeed")
    if any(c.max_length >= 0 for c in system.channels):
        notes.append("channels that fill up")
    return notes
