"""Warnings about numbers: distributions without a mean, runs too short, faults and objectives that never matter."""

from __future__ import annotations

from collections.abc import Iterator

from msforge.analysis.finding import Facts, Finding, ms, percent
from msforge.model.plan import CLIENTS, NEVER, NONE, System, Verb
from msforge.policies.distributions import Dist
from msforge.policies.moments import cut_share

WORDS = {Verb.WORK: "work", Verb.WAIT: "wait", Verb.THINK: "think"}


def _places(facts: Facts) -> Iterator[tuple[Dist, str]]:
    """Every distribution of a time, and where it is written."""
    system = facts.system
    for step in system.steps:
        if step.verb in WORDS and step.dist is not None:
            yield step.dist, f"{step.path}.{WORDS[step.verb]}"
    for store in system.stores:
        yield store.read, f"stores.{store.name}.read"
        yield store.write, f"stores.{store.name}.write"
    for channel in system.channels:
        yield channel.publish, f"channels.{channel.name}.publish"
    yield system.network.latency, "network.latency"
    if system.network.zone_latency is not None:
        yield system.network.zone_latency, "network.between_zones.latency"
    for source in system.sources:
        if source.think is not None:
            yield source.think, f"traffic.{source.name}.think"


def _parts(dist: Dist) -> Iterator[Dist]:
    yield dist
    for part in dist.parts:
        yield from _parts(part)


def distributions(facts: Facts) -> Iterator[Finding]:
    """W140 a tail too heavy for a mean, W141 a normal that is cut."""
    for dist, path in _places(facts):
        for part in _parts(dist):
            if part.kind == "pareto" and part.params[1] <= 2 and part.params[0] > 0:
                alpha = part.params[1]
                what = (
                    "has no mean: what is measured grows with the length of the run" if alpha <= 1 else
                    "has no variance: averages stay erratic however long the run, and no mean wait is promised"
                )
                yield Finding(
                    "W140", path, f"a pareto with alpha {alpha:g} {what}",
                    "use alpha above 2, or a lognormal with the same p99",
                )
            elif (cut := cut_share(part)) > 0.01:
                yield Finding(
                    "W141", path,
                    f"{percent(cut)} of this normal lies below 0 and is cut off: its mean is {ms(part.mean)}, "
                    f"not {ms(part.params[0])}",
                    "use a lognormal or gamma with that mean and spread; a time is never negative",
                )


def short_runs(facts: Facts) -> Iterator[Finding]:
    """W142: most of the run is thrown away."""
    run = facts.system.run
    if run.warmup * 2 > run.duration:
        yield Finding(
            "W142", "simulation.warmup",
            f"the warm-up takes {ms(run.warmup)} of a run of {ms(run.duration)}: less than half is measured",
            f"run longer (`duration`), or warm up for {ms(run.duration / 10)}",
        )


def idle_objectives(facts: Facts) -> Iterator[Finding]:
    """W143: an objective that nothing can meet or miss."""
    for objective in facts.system.objectives:
        if objective.body >= 0 and objective.body not in facts.reached:
            name = facts.name(objective.body)
            yield Finding(
                "W143", f"objectives.{name}",
                f"the objective `{objective.text}` is about {name}, which no traffic reaches",
                "send traffic there or remove the objective",
            )


def late_faults(facts: Facts) -> Iterator[Finding]:
    """W144: a fault after the end."""
    run = facts.system.run
    for fault in facts.system.faults:
        if fault.at != NEVER and fault.at >= run.duration:
            yield Finding(
                "W144", f"{fault.path}.at",
                f"this fault begins at {ms(fault.at)}, and nothing arrives after {ms(run.duration)}: it never matters",
                "let it begin earlier, or let the run last longer",
            )


def idle_links(facts: Facts) -> Iterator[Finding]:
    """W145: a fault on a link that nothing uses."""
    system = facts.system
    used = _links(system)
    for fault in system.faults:
        if fault.kind not in ("cut", "delay", "drop"):
            continue
        if fault.callee != NONE:
            start = ("channel", fault.channel) if fault.caller == NONE else ("service", fault.caller)
            link = (start, ("service", fault.callee))
        elif fault.channel != NONE:
            link = (("service", fault.caller), ("channel", fault.channel))
        else:
            link = (("service", fault.caller), ("store", fault.callee_store))
        if link in used:
            continue
        a, b = (_party(system, *end) for end in link)
        other = (link[1], link[0]) in used
        yield Finding(
            "W145", f"{fault.path}.{fault.kind}",
            f"nothing is sent from {a} to {b}, so this fault never matters",
            f"turn it round: {fault.kind}: {b} -> {a}" if other else "name two of which one asks or feeds the other",
        )


def _links(system: System) -> set[tuple[tuple[str, int], tuple[str, int]]]:
    """Who sends to whom."""
    used = set()
    for step in system.steps:
        sender = ("service", CLIENTS if step.service < 0 else step.service)
        if step.verb is Verb.CALL:
            used.add((sender, ("service", system.bodies[step.target].service)))
        elif step.verb in (Verb.READ, Verb.WRITE):
            used.add((sender, ("store", step.target)))
            if step.cache is not None:
                used.add((sender, ("store", step.cache.store)))
        elif step.verb is Verb.PUBLISH:
            used.add((sender, ("channel", step.target)))
    for consumer in system.consumers:
        used.add((("channel", consumer.channel), ("service", consumer.service)))
    return {(a, b) for a, b in used if a != b}


def _party(system: System, kind: str, index: int) -> str:
    if kind == "service":
        return "clients" if index == CLIENTS else system.services[index].name
    return system.stores[index].name if kind == "store" else system.channels[index].name
