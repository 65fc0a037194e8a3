"""Symptoms of the network: tries that never arrive, answers that don't come back in time, hops that take longer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NEVER
from msforge.recording.records import EDGE_TICKS
from msforge.results import links, stations
from msforge.results.signals import NETWORK, Rise, Signals, rise
from msforge.results.symptom import CLIENTS, FAILURE, TIMEOUT, Symptom, by_chance, entries_of, into, over

GAVE_UP = EDGE_TICKS.index("gave_up") - 2


def unreachable(signals: Signals, service: int, down: Symptom | None) -> Symptom | None:
    """Tries were sent to it that never arrived, though its replicas were ready."""
    sent = signals.tries[service]
    came = signals.services[service, :, stations.ARRIVED] - signals.arrived_in_place[service]
    missing = np.maximum(0.0, sent - came)
    if down is not None:
        missing[max(0, down.first - 1) : down.last + 2] = 0.0
    found = rise(missing, sent, floor=0.04)
    if found is None or by_chance(missing, sent, found):
        return None
    caller, sure = _caller(signals, service, found)
    facts = {"share": found.level, "missing": found.total}
    return Symptom(
        "unreachable", "link", service, service, found.total * FAILURE, found.first, found.last, caller=caller,
        sure=sure, facts=facts,
    )


def _caller(signals: Signals, service: int, found: Rise) -> tuple[int, bool]:
    """Who could not reach it: the caller with the greatest share of its tries given up, failed or left open."""
    shares: dict[int, tuple[float, float]] = {}
    for edge in into(signals, service):
        caller = signals.system.bodies[signals.system.edges[edge].caller].service
        table = signals.edges[edge]
        failed, tries = over(found.hot, table[:, links.FAILED_TRIES]), over(found.hot, table[:, links.TRIES])
        a, b = shares.get(caller, (0.0, 0.0))
        shares[caller] = (a + failed, b + tries)
    for entry in entries_of(signals, service):
        outcomes = signals.outcomes[entry]
        a, b = shares.get(CLIENTS, (0.0, 0.0))
        shares[CLIENTS] = (
            a + over(found.hot, outcomes[:, TIMEOUT]),
            b + over(found.hot, outcomes.sum(axis=1)),
        )
    ranked = sorted(shares, key=lambda c: (-shares[c][0] / max(shares[c][1], 1.0), -shares[c][1]))
    if not ranked:
        return CLIENTS, False
    return ranked[0], len(ranked) == 1 or shares[ranked[0]][0] > 2.0 * shares[ranked[1]][0]


def delayed(signals: Signals) -> list[Symptom]:
    """The network to a callee takes longer than it ordinarily does."""
    system = signals.system
    found: list[Symptom] = []
    rises: dict[int, Rise] = {}
    for body in system.bodies:
        group = signals.body(body.index)
        if any(not edge.local for edge in signals.calls_of.get(body.index, [])):
            up = rise(signals.parts[group, :, NETWORK], signals.times[group, :, 0], share=0.5, floor=1e6)
            if up is not None:
                rises[body.index] = up
    for service in range(len(system.services)):
        symptom = _delayed_calls(signals, service, rises)
        if symptom is not None:
            found.append(symptom)
    for entry, (_, target) in enumerate(signals.slices.entries):
        group = signals.body(target)
        inside = signals.parts[group, :, NETWORK] / np.maximum(signals.times[group, :, 0], 1.0)
        count = signals.times[entry, :, 0]
        up = rise(np.maximum(0.0, signals.parts[entry, :, NETWORK] - inside * count), count, share=0.5, floor=1e6)
        if up is not None:
            service = system.bodies[target].service
            facts = {"base": up.base, "level": up.level}
            found.append(
                Symptom("delayed", "link", service, service, up.total, up.first, up.last, caller=CLIENTS, facts=facts)
            )
    return found


def _delayed_calls(signals: Signals, service: int, rises: dict[int, Rise]) -> Symptom | None:
    """One link out of `service` explains why the network takes longer for some of its bodies and not for others."""
    system = signals.system
    bodies = [body for body in system.services[service].bodies if body in rises]
    if not bodies:
        return None
    callees: dict[int, set[int]] = {}
    for body in system.services[service].bodies:
        for edge in signals.calls_of.get(body, []):
            if not edge.local:
                callees.setdefault(body, set()).add(system.bodies[edge.callee].service)
    suspects = set.intersection(*(callees[body] for body in bodies))
    calm = set[int]().union(*(callees[body] for body in callees if body not in rises and _seen(signals, body)))
    suspects = (suspects - calm) or suspects or set.union(*(callees[body] for body in bodies))
    main = max(bodies, key=lambda body: rises[body].total)
    up = rises[main]
    ranked = sorted(suspects, key=lambda callee: (-_gave_up(signals, service, callee, up), callee))
    facts = {"base": up.base, "level": up.level}
    return Symptom(
        "delayed", "link", ranked[0], ranked[0], sum(rises[body].total for body in bodies), up.first, up.last,
        caller=service, sure=len(ranked) == 1, facts=facts, others=tuple(system.services[s].name for s in ranked[1:]),
    )


def _seen(signals: Signals, body: int) -> bool:
    return float(signals.times[signals.body(body), :, 0].sum()) >= 50.0


def _gave_up(signals: Signals, caller: int, callee: int, up: Rise) -> float:
    """Share of the tries from one service to another that failed while hot."""
    failed = tries = 0.0
    for edge in into(signals, callee):
        if signals.system.bodies[signals.system.edges[edge].caller].service == caller:
            failed += over(up.hot, signals.edges[edge, :, links.FAILED_TRIES])
            tries += over(up.hot, signals.edges[edge, :, links.TRIES])
    return failed / tries if tries else 0.0


def lossy(signals: Signals, already: list[Symptom]) -> list[Symptom]:
    """Calls time out though the callee answered in time: answers got lost or late on the way."""
    found: dict[tuple[int, int], Symptom] = {}
    for edge in signals.system.edges:
        limit = signals.timeout(edge.index)
        if edge.local or limit == NEVER:
            continue
        callee = signals.system.bodies[edge.callee].service
        caller = signals.system.bodies[edge.caller].service
        slow = signals.slower_than(edge.callee, 0.8 * limit)
        stuck = _stuck(signals, callee)
        table = signals.edges[edge.index]
        odd = np.where(stuck, 0.0, np.maximum(0.0, table[:, GAVE_UP] - slow))
        up = rise(odd, table[:, links.TRIES], floor=0.04)
        if up is None or by_chance(odd, table[:, links.TRIES], up):
            continue
        if any(s.place == "link" and s.index == callee and s.kind == "unreachable" for s in already):
            continue
        harm = up.total * FAILURE
        old = found.get((caller, callee))
        if old is None or old.harm < harm:
            facts = {"share": up.level, "missing": up.total, "late": 1.0}
            found[caller, callee] = Symptom(
                "unreachable", "link", callee, callee, harm, up.first, up.last, caller=caller, facts=facts
            )
    return list(found.values())


def _stuck(signals: Signals, service: int) -> NDArray[np.bool_]:
    """Buckets around which the service held more requests than usual: a time-out there says nothing of the network."""
    table = signals.services[service]
    level = table[:, stations.WAIT] + table[:, stations.BUSY]
    calm = float(np.quantile(level, 0.1))
    high: NDArray[np.bool_] = (level > 3.0 * calm + signals.width) | (signals.threads(service) > 0.9)
    spread = high.copy()
    spread[1:] |= high[:-1]
    spread[:-1] |= high[1:]
    return spread
