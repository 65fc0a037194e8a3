"""What a changed plan comes to for a running replica: the numbers that differ from those its code was generated with.

Handlers are code, so the steps themselves stay as they are: a plan that has others is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msforge.errors import UsageError
from msforge.model.plan import Block, Fault, Step, System, Verb
from msforge.runtime.numbers import told
from msforge.scaffold.plans import cache_of, call_of, channels_of, service_of, stores_of

Path = list[str]


def numbers_of(base: System, now: System, service: int, gone: list[Any]) -> dict[str, Any]:
    """What a replica of a service is told (`runtime.numbers.Numbers`) while `now` is in force instead of `base`.

    Raises UsageError when that needs other code.
    """
    made: dict[str, Any] = {
        "balance": {s.name: s.balance for s in now.services if s.client_balancer}, "gone": told(gone),
    }
    before, after = service_of(base, base.services[service]), service_of(now, now.services[service])
    if before != after:
        made["service"] = told(after)
    stores = zip(stores_of(base), stores_of(now), strict=True)
    channels = zip(channels_of(base), channels_of(now), strict=True)
    made["stores"] = {new.name: told(new) for old, new in stores if old != new}
    made["channels"] = {new.name: told(new) for old, new in channels if old != new}
    made["steps"] = {}
    for body in base.services[service].bodies:
        changed = list(_changed(base, now, base.bodies[body].block, now.bodies[body].block, []))
        if changed:
            made["steps"][base.bodies[body].name] = changed
    return made


def check(base: System, now: System) -> None:
    """Raises UsageError when services that run cannot be changed so: some of it is in their code, or for good."""
    for a, b in zip(base.services, now.services, strict=True):
        if a.client_balancer != b.client_balancer:
            raise _refused(f"services.{a.name}.balancer")
        if (a.function is None) != (b.function is None):
            raise _refused(f"services.{a.name}.function")
    for x, y in zip(base.bodies, now.bodies, strict=True):
        if (x.http, x.grpc) != (y.http, y.grpc):
            raise _refused(f"the address of {base.body_name(x.index)}")
    for c, d in zip(base.channels, now.channels, strict=True):
        if (c.topic, c.partitions, c.dead_letter) != (d.topic, d.partitions, d.dead_letter):
            raise _refused(f"the kind, the partitions or the dead letters of {c.name}")
    for e, f in zip(base.consumers, now.consumers, strict=True):
        if e.channel != f.channel:
            raise _refused(f"what {base.body_name(e.body)} reads")
    for service in base.services:
        numbers_of(base, now, service.index, [])


def changeable(system: System, fault: Fault) -> bool:
    """Whether services that run can do what a fault of the file changes; tried alone."""
    try:
        check(system, system.variant(fault.changes))
    except UsageError:
        return False
    return True


def _refused(what: str) -> UsageError:
    return UsageError(
        f"a running system cannot change {what}", hint="simulate it, or edit the file and run `msforge sync`"
    )


# -- steps ----------------------------------------------------------------------------------


def _changed(base: System, now: System, old: Block, new: Block, around: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The steps that have other arguments now: their paths, and those arguments."""
    if [_shape(base, base.steps[i]) for i in old] != [_shape(now, now.steps[i]) for i in new]:
        body = base.steps[old[0]].body if old else now.steps[new[0]].body
        raise _refused(f"which steps {base.body_name(body)} takes: they are in its handler")
    for i, k in zip(old, new, strict=True):
        a, b = base.steps[i], now.steps[k]
        before, after = arguments_of(base, a), arguments_of(now, b)
        differing = {name: told(value) for name, value in after.items() if before[name] != value}
        if differing:
            yield [*around, a.word], differing
        for (inside, one), (_, other) in zip(_inside(a), _inside(b), strict=True):
            yield from _changed(base, now, one, other, [*around, inside])


def _shape(system: System, step: Step) -> tuple[Any, ...]:
    """What of a step is in the code."""
    return (
        step.verb, step.word, step.target, step.outbox, len(step.blocks), step.policy.fallback is None,
        step.cache is None, step.key is None,
        -1 if step.cache is None else step.cache.store,
    )


def _inside(step: Step) -> list[tuple[str, Block]]:
    """The blocks of a step, with the word that a place inside of it has."""
    word = step.word
    blocks = list(step.blocks)
    match step.verb:
        case Verb.CHOOSE:
            return [(f"{word}/{i}", block) for i, block in enumerate(blocks)]
        case Verb.SAGA:
            return [(f"{word}/{'undo' if i % 2 else 'do'}{i // 2}", block) for i, block in enumerate(blocks)]
        case Verb.CALL:
            fallback = step.policy.fallback
            return [] if fallback is None else [(word + " fallback", fallback)]
    return [(word, block) for block in blocks]


def arguments_of(system: System, step: Step) -> dict[str, Any]:
    """What the runtime's method for a step is given besides its word and its branches."""
    match step.verb:
        case Verb.WORK | Verb.WAIT:
            return {"dist": step.dist}
        case Verb.REPEAT:
            return {"count": step.dist}
        case Verb.CALL:
            return {"call": call_of(system, step)}
        case Verb.CHOOSE:
            return {"weights": list(step.weights)}
        case Verb.PARALLEL:
            return {"need": step.need, "copies": step.copies}
        case Verb.READ:
            return {"timeout": step.timeout, "cache": cache_of(system, step.cache)}
        case Verb.WRITE:
            return {"timeout": step.timeout}
        case Verb.PUBLISH:
            return {"timeout": step.timeout, "key": step.key}
        case Verb.FAIL:
            return {"rate": step.rate, "status": step.status, "crash": step.crash}
    return {}


def guards_of(system: System) -> set[tuple[str, str, Any]]:
    """The machines that a plan's calls ask for: kind, endpoint, settings."""
    found: set[tuple[str, str, Any]] = set()
    for step in system.steps:
        if step.verb is Verb.CALL:
            call = call_of(system, step)
            budget = None if call.retry is None else call.retry.budget
            bulkhead = call.bulkhead if call.bulkhead >= 0 else None
            asked = {"breaker": call.breaker, "bulkhead": bulkhead, "throttle": call.throttle, "budget": budget}
            found |= {(kind, call.name, how) for kind, how in asked.items() if how is not None}
    return found
