"""Warnings about structure: who owns, reads, publishes, reaches what, and what fails with what."""

from __future__ import annotations

from collections.abc import Iterator

from msforge.analysis.finding import Facts, Finding, listed, ms, number, times_word
from msforge.analysis.worst import Amplification, consumer_path
from msforge.model.plan import UNLIMITED, Block, Step, System, Verb
from msforge.records import SECOND


def no_dead_letter(facts: Facts) -> Iterator[Finding]:
    """W130: what fails for good is dropped."""
    system = facts.system
    letters = {c.dead_letter for c in system.channels}
    for channel in system.channels:
        if channel.dead_letter >= 0 or channel.index in letters or not channel.consumers:
            continue
        limited = [system.consumers[c] for c in channel.consumers if system.consumers[c].retry.attempts != UNLIMITED]
        if limited:
            most = max(c.retry.attempts for c in limited)
            yield Finding(
                "W130", f"channels.{channel.name}",
                f"{channel.name} has no dead letter: a message whose handling failed {times_word(most)} is dropped and "
                "nobody sees it",
                f"add `dead_letter: {channel.name}-failed`",
            )


def shared_stores(facts: Facts) -> Iterator[Finding]:
    """W131: a store used by a service that does not own it."""
    system = facts.system
    seen: set[tuple[int, int]] = set()
    for body in system.bodies:
        for index in facts.inside(body.index):
            step = system.steps[index]
            for store in _stores(step):
                owner = system.stores[store].owner
                if owner < 0 or owner == body.service or (store, body.service) in seen:
                    continue
                seen.add((store, body.service))
                ours, theirs = system.services[body.service].name, system.services[owner].name
                name = system.stores[store].name
                yield Finding(
                    "W131", step.path,
                    f"{ours} uses {name}, which belongs to {theirs}: neither can change its tables or be deployed "
                    "without the other, and one's load slows the other",
                    f"call an endpoint of {theirs} instead, or keep a copy of what {ours} needs, fed by events",
                )


def _stores(step: Step) -> list[int]:
    if step.verb not in (Verb.READ, Verb.WRITE):
        return []
    return [step.target] if step.cache is None else [step.target, step.cache.store]


def lone_replicas(facts: Facts) -> Iterator[Finding]:
    """W132: one replica, and every kind of request fails with it, in a system that replicates others."""
    system = facts.system
    if not any(s.replicas > 1 or s.autoscale is not None for s in system.services):
        return
    entries = {step.target for _, step, _, _ in facts.client_calls()}
    for service in system.services:
        scaled = service.autoscale is not None and service.autoscale.minimum > 1
        if service.replicas != 1 or scaled or service.function is not None or service.external:
            continue
        if entries and all(_needs(facts, entry, service.index) for entry in entries):
            yield Finding(
                "W132", f"services.{service.name}",
                f"{service.name} runs one replica and every request needs it: while it restarts or is deployed, "
                "nothing works",
                "add `replicas: 2`, or a fallback where it is called",
            )


def _needs(facts: Facts, entry: int, service: int) -> bool:
    """Whether a request to `entry` fails when every endpoint of `service` does."""
    if facts.system.bodies[entry].service == service:
        return True
    return any(
        Amplification(facts.system, body).body(entry)[1]
        for body in facts.system.services[service].bodies if facts.system.bodies[body].consumer < 0
    )


def unreached(facts: Facts) -> Iterator[Finding]:
    """W133: a service, endpoint, channel or store that no traffic comes to."""
    system = facts.system
    for service in system.services:
        unseen = [b for b in service.bodies if b not in facts.reached]
        if len(unseen) == len(service.bodies):
            yield Finding(
                "W133", f"services.{service.name}",
                f"no traffic ever reaches {service.name}: no source, call or message leads there",
                "call it, publish to it, or remove it",
            )
            continue
        for body in unseen:
            plan = system.bodies[body]
            kind = "consumers" if plan.consumer >= 0 else "endpoints"
            yield Finding(
                "W133", f"services.{service.name}.{kind}.{plan.name}",
                f"no traffic ever reaches {facts.name(body)}",
                "call it, publish to it, or remove it",
            )
    yield from _unused(facts)


def _unused(facts: Facts) -> Iterator[Finding]:
    system = facts.system
    every = [system.steps[i] for b in system.bodies for i in facts.inside(b.index)]
    published = {s.target for s in every if s.verb is Verb.PUBLISH}
    letters = {c.dead_letter for c in system.channels}
    for channel in system.channels:
        if channel.index in letters:
            continue
        if channel.index not in published:
            yield Finding(
                "W133", f"channels.{channel.name}", f"nothing is ever published to {channel.name}",
                "publish to it or remove it",
            )
        elif not channel.consumers:
            yield Finding(
                "W133", f"channels.{channel.name}",
                f"nobody consumes {channel.name}: its messages pile up",
                "add a consumer (`from: " + channel.name + "`) or stop publishing",
            )
    used = {store for s in every for store in _stores(s)}
    for store in system.stores:
        if store.index not in used:
            message = f"nothing reads or writes {store.name}"
            yield Finding("W133", f"stores.{store.name}", message, "use it or remove it")


def could_be_parallel(facts: Facts) -> Iterator[Finding]:
    """W134: questions asked one after another that might be asked at once."""
    for body in facts.system.bodies:
        if body.index in facts.reached and body.consumer < 0:
            yield from _rows(facts, body.block)


def _rows(facts: Facts, block: Block) -> Iterator[Finding]:
    row: list[Step] = []
    for index in block:
        step = facts.system.steps[index]
        if _question(facts, step):
            row.append(step)
            continue
        yield from _row(facts, row)
        row = []
        if step.verb is Verb.REPEAT and (found := list(_repeat(facts, step))):
            yield from found
            continue
        for inner in step.blocks:
            yield from _rows(facts, inner)
    yield from _row(facts, row)


def _question(facts: Facts, step: Step) -> bool:
    """A call that changes nothing: order then cannot matter but for what the answer says."""
    return step.verb is Verb.CALL and facts.remote(step) and facts.harmless(step.target)


def _row(facts: Facts, row: list[Step]) -> Iterator[Finding]:
    if len(row) < 2:
        return
    times = [facts.alone.call(s).mean for s in row]
    if sum(times) - max(times) < 1e-3:
        return
    names = listed([facts.name(s.target) for s in row])
    yield Finding(
        "W134", row[0].path,
        f"{facts.name(row[0].body)} asks {names} one after another: {ms(sum(times) * SECOND)} in a row; at once it "
        f"would be {ms(max(times) * SECOND)} or a little more",
        "if none needs another's answer (the file does not say), put them under `parallel:`",
    )


def _repeat(facts: Facts, step: Step) -> Iterator[Finding]:
    inner = [facts.system.steps[i] for i in step.blocks[0]]
    times = step.dist.mean if step.dist is not None else 1.0
    if times < 2 or not inner or not all(_question(facts, s) for s in inner):
        return
    once = sum(facts.alone.call(s).mean for s in inner)
    if (times - 1) * once < 1e-3:
        return
    names = listed([facts.name(s.target) for s in inner])
    yield Finding(
        "W134", step.path,
        f"{facts.name(step.body)} asks {names} {number(times)} times in a row (N+1 calls): {ms(times * once * SECOND)}",
        "if no round needs the one before (the file does not say), use `parallel: N`, or an endpoint that takes them "
        "all at once",
    )


def dual_writes(facts: Facts) -> Iterator[Finding]:
    """W135: data and message written by two operations."""
    for body in facts.system.bodies:
        steps = [facts.system.steps[i] for i in facts.inside(body.index)]
        writes = [s for s in steps if s.verb is Verb.WRITE]
        if not writes:
            continue
        for step in steps:
            if step.verb is Verb.PUBLISH and not step.outbox:
                channel = facts.system.channels[step.target].name
                store = facts.system.stores[writes[0].target].name
                lost = (f"the message to {channel} is lost though {store} was written" if writes[0].index < step.index
                        else f"the message to {channel} speaks of what {store} never got")
                yield Finding(
                    "W135", step.path,
                    f"{facts.name(body.index)} writes {store} and publishes to {channel} in two steps: "
                    f"after a crash between them {lost}",
                    "add `outbox: true` to the publish",
                )


def unsafe_consumers(facts: Facts) -> Iterator[Finding]:
    """W136: a message may come twice."""
    system = facts.system
    for consumer in system.consumers:
        if consumer.idempotent or facts.harmless(consumer.body):
            continue
        yield Finding(
            "W136", consumer_path(system, consumer.index),
            f"{facts.name(consumer.body)} is not idempotent, and {system.channels[consumer.channel].name} delivers at "
            "least once: after a crash or a failed attempt its effect happens twice",
            "make it recognise a message it has had (its id in the store it writes) and say `idempotent: true`",
        )


def loops(facts: Facts) -> Iterator[Finding]:
    """W137: a message that leads to itself."""
    system = facts.system
    for component in _components(system, facts):
        inside = set(component)
        for body in sorted(inside):
            for index in facts.inside(body):
                step = system.steps[index]
                if step.verb is Verb.PUBLISH and any(
                    system.consumers[c].body in inside for c in system.channels[step.target].consumers
                ):
                    names = listed([facts.name(b) for b in sorted(inside)])
                    yield Finding(
                        "W137", step.path,
                        f"messages go round: {system.channels[step.target].name} leads back to where it is published "
                        f"({names}). They die out as it stands; a retry or a weight more, and they never do",
                        "break the loop, or bound it with a count that each message carries",
                    )


def _components(system: System, facts: Facts) -> list[list[int]]:
    """Loops among bodies, calls and messages as arrows: strongly connected components (Tarjan 1972)."""
    after: list[list[int]] = []
    for body in system.bodies:
        found = []
        for index in facts.inside(body.index):
            step = system.steps[index]
            if step.verb is Verb.CALL:
                found.append(step.target)
            elif step.verb is Verb.PUBLISH:
                found += [system.consumers[c].body for c in system.channels[step.target].consumers]
        after.append(found)
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    held: list[int] = []
    out: list[list[int]] = []
    for root in range(len(after)):
        work = [(root, 0)] if root not in order else []
        while work:
            node, at = work.pop()
            if at == 0:
                order[node] = low[node] = len(order)
                held.append(node)
            for place in range(at, len(after[node])):
                other = after[node][place]
                if other not in order:
                    work += [(node, place + 1), (other, 0)]
                    break
                if other in held:
                    low[node] = min(low[node], low.get(other, order[other]))
            else:
                if low[node] == order[node]:
                    cut = held.index(node)
                    if len(held) - cut > 1 or node in after[node]:
                        out.append(held[cut:])
                    del held[cut:]
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
    return out
