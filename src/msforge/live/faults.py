"""Faults on their way to a running system: plain data with names, and the times at which the file wants them.

The draws behind `every`, `for` and `replicas: N` are the simulator's (`sim.faults`), so both strike the same
replicas at the same times.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from msforge.model.plan import CLIENTS, Fault, System
from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.scaffold.numbers import changeable
from msforge.scaffold.plans import started

CLIENTS_NAME: Final = "(clients)"
"""What the clients outside are called among services; no service can be called so, not even `clients`."""

T = TypeVar("T")
Plain = dict[str, Any]
"""A fault as JSON; `plain_fault` makes it."""


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """One begin of a fault: `at` and `duration` in ns, None for to the end."""

    at: int
    index: int
    occurrence: int
    duration: int | None
    fault: Plain


def plain_dist(dist: Dist | None) -> Plain | None:
    """A distribution as JSON."""
    if dist is None:
        return None
    return {"kind": dist.kind, "params": list(dist.params), "parts": [plain_dist(part) for part in dist.parts]}


def plain_fault(
    system: System, fault: Fault, occurrence: int = 0, duration: int | None = None, replicas: list[int] | None = None,
    drawn: list[float] | None = None,
) -> Plain:
    """A fault with names for indices. `replicas` are the ordinals it hits, None for all.

    `drawn` (0 to 1, one a replica) chooses among those there are when it strikes, which may be others by then.
    """
    service = fault.service
    endpoint = None
    if fault.body >= 0:
        service, endpoint = system.bodies[fault.body].service, system.bodies[fault.body].name
    return {
        "kind": fault.kind,
        "label": fault.label or fault.kind,
        "word": fault.word,
        "occurrence": occurrence,
        "service": _name(system.services, service),
        "endpoint": endpoint,
        "store": _name(system.stores, fault.store),
        "channel": _name(system.channels, fault.channel),
        "zone": system.zones[fault.zone] if fault.zone >= 0 else None,
        "caller": CLIENTS_NAME if fault.caller == CLIENTS else _name(system.services, fault.caller),
        "callee": _name(system.services, fault.callee),
        "callee_store": _name(system.stores, fault.callee_store),
        "replicas": replicas,
        "drawn": drawn,
        "by": fault.factor,
        "add": plain_dist(fault.add),
        "rate": fault.rate,
        "status": fault.status,
        "crash": fault.crash,
        "for": duration,
        "max_unavailable": fault.max_unavailable,
        "canary": fault.canary,
        "canary_for": fault.canary_for,
        "changes": [[path, value] for path, value in fault.changes],
    }


def changes_of(fault: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The paths and values of a plain change, or of what a deployed version changes."""
    return tuple((str(path), value) for path, value in fault["changes"])


def without(changes: Sequence[tuple[str, Any]], ended: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The changes in force once these have ended."""
    left = list(changes)
    for change in ended:
        left.remove(change)
    return left


def _name(things: Sequence[Any], index: int) -> str | None:
    return str(things[index].name) if index >= 0 else None


def runtime_fault(plain: Mapping[str, Any], number: str) -> Plain:
    """What a replica's own fault switches are told; `number` is the fault's id."""
    to: Plain | None = None
    if plain["kind"] in ("cut", "delay", "drop"):
        if plain["callee"] is not None:
            to = {"service": plain["callee"]}
        elif plain["callee_store"] is not None:
            to = {"store": plain["callee_store"]}
        else:
            to = {"channel": plain["channel"]}
    return {
        "id": number,
        "to": to,
        **{key: plain[key] for key in ("word", "occurrence", "kind", "by", "add", "endpoint", "store", "rate",
                                       "status", "crash")},
    }


# -- when -----------------------------------------------------------------------------------


def schedule(system: System, *, seed: int, replication: int = 0, end: int) -> Iterator[Strike]:
    """What the file's faults do until `end` (ns), in the order of time. Those not honoured are left out."""
    lines = []
    for fault in system.faults:
        if not honoured(system, fault):
            continue
        service = system.bodies[fault.body].service if fault.body >= 0 else fault.service
        if fault.replicas == "each" and service >= 0:
            lines += [
                _line(system, fault, service, ordinal, seed, replication, end)
                for ordinal in range(started(system.services[service]))
            ]
        else:
            lines.append(_line(system, fault, service, None, seed, replication, end))
    return heapq.merge(*lines, key=lambda strike: (strike.at, strike.index))


def left_out(system: System) -> list[str]:
    """The file's faults that a running system doesn't honour, in plain words."""
    return [fault.label or fault.kind for fault in system.faults if not honoured(system, fault)]


def honoured(system: System, fault: Fault) -> bool:
    """Whether a running system can do it."""
    return changeable(system, fault)


def _line(
    system: System, fault: Fault, service: int, only: int | None, seed: int, replication: int, end: int
) -> Iterator[Strike]:
    words: tuple[str | int, ...] = ("fault", fault.word) + ((only,) if only is not None else ())
    key = draws.stream_key(seed, "replication", replication, *words)
    occurrence = 0
    now = 0
    while True:
        if fault.every is not None:
            now += draws.duration(fault.every, draws.child_key(key, "up"), occurrence)
        else:
            now = fault.at
        if now >= end:
            return
        lasts = None
        if fault.duration is not None:
            lasts = draws.duration(fault.duration, draws.child_key(key, "for"), occurrence)
        hit, drawn = ([only] if only is not None else None), None
        if only is None and fault.replicas == "some" and service >= 0:
            drawn = _draws(fault, occurrence, key)
            hit = chosen(list(range(started(system.services[service]))), drawn)
        yield Strike(now, fault.index, occurrence, lasts, plain_fault(system, fault, occurrence, lasts, hit, drawn))
        if fault.every is None or lasts is None:
            return
        now += lasts
        occurrence += 1


def _draws(fault: Fault, occurrence: int, key: int) -> list[float]:
    return [draws.uniform(draws.child_key(key, "which"), occurrence * 1024 + k) for k in range(fault.number)]


def chosen(replicas: list[T], drawn: Sequence[float]) -> list[T]:
    """The replicas that draws (0 to 1) choose, each once."""
    left = list(replicas)
    return [left.pop(int(u * len(left))) for u in drawn[: len(left)]]


def startup(system: System, service: str, ordinal: int, downs: int, *, seed: int, replication: int = 0) -> int:
    """How long (ns) a replica takes to come back after its `downs`-th crash."""
    plan = next(s for s in system.services if s.name == service)
    if plan.startup.is_constant:
        return round(plan.startup.mean)
    key = draws.stream_key(seed, "replication", replication, "startup", service)
    return draws.duration(plan.startup, key, ordinal * 4096 + downs)
