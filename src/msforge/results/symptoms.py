"""Symptoms: what each service, store and link shows that cannot be put down to what it depends on.

Only measurements are read: the faults of the description are not looked at. Harm is in request-seconds, a failed
request counted as one second; it makes unlike symptoms comparable within one run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NEVER, NONE, Verb
from msforge.records import Outcome
from msforge.results import links, stations
from msforge.results.signals import NETWORK, OWN, Rise, Signals, rise, stretch

Floats = NDArray[np.float64]

FAILURE = 1e9
"""What a failed request weighs, ns."""
CLIENTS = -2
ERROR, RESET, UNAVAILABLE, OVERLOADED, TIMEOUT = (
    int(outcome)
    for outcome in (Outcome.ERROR, Outcome.RESET, Outcome.UNAVAILABLE, Outcome.OVERLOADED, Outcome.TIMEOUT)
)


@dataclass
class Symptom:
    """Something out of the ordinary at one place. `first` and `last` are buckets; harm is in ns of requests' time."""

    kind: str              # slow failing down paused unreachable delayed saturated backlog
    place: str             # service store link channel
    index: int             # of the service, store or channel; of the callee service for a link
    service: int           # the service that stands for it
    harm: float
    first: int
    last: int
    caller: int = NONE     # link: the calling service, CLIENTS for the clients
    body: int = NONE       # when a single endpoint or consumer shows it
    sure: bool = True      # False: the evidence points at more than one place
    facts: dict[str, float] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def symptoms(signals: Signals) -> list[Symptom]:
    """All symptoms that are their place's own, strongest first."""
    found: list[Symptom] = []
    for service in range(len(signals.system.services)):
        down = _down(signals, service)
        shown = [down, _slow(signals, service), _failing(signals, service, down)]
        shown += [_unreachable(signals, service, down)]
        found += [symptom for symptom in shown if symptom is not None]
    for store in range(len(signals.system.stores)):
        slow = _slow_store(signals, store)
        if slow is not None:
            found.append(slow)
    found += _delayed(signals)
    found += _lossy(signals, found)
    return sorted(found, key=lambda symptom: -symptom.harm)


def endpoints(signals: Signals, service: int) -> list[int]:
    """The bodies of a service that are called, not consumers."""
    bodies = signals.system.services[service].bodies
    return [body for body in bodies if signals.system.bodies[body].consumer == NONE]


def into(signals: Signals, service: int) -> list[int]:
    """Edges that reach a service over the network."""
    return signals.calls_to.get(service, [])


def entries_of(signals: Signals, service: int) -> list[int]:
    """Entry groups whose target is at a service."""
    system = signals.system
    return [n for n, (_, target) in enumerate(signals.slices.entries) if system.bodies[target].service == service]


def over(mask: NDArray[np.bool_], values: Floats) -> float:
    """Sum of `values` in the buckets of `mask`."""
    return float(values[mask].sum())


def _slow(signals: Signals, service: int) -> Symptom | None:
    """Its own work and waits take longer per request than they ordinarily do, or its replicas stood still."""
    best: tuple[float, int, Rise] | None = None
    total = 0.0
    rising = 0
    for body in signals.system.services[service].bodies:
        found = rise(signals.parts[signals.body(body), :, OWN], signals.started(body), share=0.5, floor=2e5)
        if found is None:
            continue
        rising += 1
        total += found.total
        if best is None or found.total > best[0]:
            best = (found.total, body, found)
    if best is None:
        return None
    _, body, found = best
    table = signals.services[service, found.first : found.last + 1]
    idle = (table[:, stations.FINISHED] < 1.0) & (table[:, stations.BUSY] > 0.5 * signals.width)
    still = bool((idle[1:] & idle[:-1]).any())
    cores = signals.system.services[service].cpu
    room = table[:, stations.UP].sum() * (cores.cores if cores else 0.0)
    used = float(table[:, stations.CPU].sum() / room) if room > 0 else 0.0
    volume = _volume(signals, service, found)
    kind = "paused" if still and used < 0.5 else "saturated" if used > 0.9 and volume > 1.2 else "slow"
    if kind == "slow" and room > 0 and _shared(signals, service, found, used):
        return None
    alone = rising == 1 and len(signals.system.services[service].bodies) > 1
    facts = {"base": found.base, "level": found.level, "times": found.level / found.base if found.base else 0.0}
    facts |= {"cpu": used, "volume": volume}
    return Symptom(
        kind, "service", service, service, total, found.first, found.last,
        body=body if alone else NONE, facts=facts,
    )


def _shared(signals: Signals, service: int, found: Rise, used: float) -> bool:
    """True when sharing a busier CPU explains the longer time: it grows as 1 / (1 - utilisation)."""
    table = signals.services[service][~found.hot]
    cores = signals.system.services[service].cpu
    room = float(table[:, stations.UP].sum()) * (cores.cores if cores else 0.0)
    if not room or used >= 0.85:
        return False
    before = float(table[:, stations.CPU].sum()) / room
    return bool(found.level < 1.5 * found.base * (1.0 - min(before, used)) / (1.0 - used))


def _volume(signals: Signals, service: int, found: Rise) -> float:
    """Arrivals per bucket while hot, as a multiple of the other buckets'."""
    arrived = signals.services[service, :, stations.ARRIVED]
    calm = arrived[~found.hot]
    usual = float(calm.mean()) if len(calm) else 0.0
    return float(arrived[found.hot].mean()) / usual if usual > 0 else 1.0


def own_errors(signals: Signals, service: int) -> Floats:
    """[buckets] errors that its endpoints and consumers gave without a failed call behind them."""
    total = np.zeros(signals.count)
    for body in signals.system.services[service].bodies:
        errors = signals.answers[signals.body(body), :, ERROR]
        blamed = np.zeros(signals.count)
        for edge in signals.calls_of.get(body, []):
            blamed += signals.edges[edge.index, :, links.FAILED_CALLS]
        late = np.maximum(blamed, np.maximum(_shifted(blamed, 1), _shifted(blamed, 2)))
        total += np.maximum(0.0, errors - late)
    return total


def _shifted(values: Floats, buckets: int) -> Floats:
    """The same, that many buckets later: an undo or a fallback answers some time after the call that failed."""
    moved = np.zeros_like(values)
    moved[buckets:] = values[:-buckets]
    return moved


def _by_chance(counts: Floats, whole: Floats, found: Rise) -> bool:
    """True when so many in the hot buckets are no more than the rate elsewhere gives by chance (six sigmas)."""
    calm = ~found.hot
    usual = float(counts[calm].sum() / max(1.0, whole[calm].sum()))
    expected = usual * float(whole[found.hot].sum())
    return bool(counts[found.hot].sum() < expected + 6.0 * expected**0.5 + 5.0)


def _failing(signals: Signals, service: int, down: Symptom | None) -> Symptom | None:
    """It answers with errors that no failed call explains."""
    errors = own_errors(signals, service)
    served = sum((signals.answers[signals.body(b)].sum(axis=1) for b in signals.system.services[service].bodies),
                 np.zeros(signals.count))
    found = rise(errors, served, floor=0.02)
    whole = float(served.sum())
    if found is not None and not _by_chance(errors, served, found):
        facts = {"share": found.level, "base": found.base, "errors": found.total}
        harm, first, last = found.total * FAILURE, found.first, found.last
    elif whole and errors.sum() / whole >= 0.05 and errors.sum() >= 20.0:
        facts = {"share": float(errors.sum()) / whole, "base": 0.0, "errors": float(errors.sum())}
        harm, first, last = float(errors.sum()) * FAILURE, 0, signals.count - 1
    else:
        return None
    if down is not None and down.first <= first and last <= down.last:
        return None
    stores = _stores_of(signals, service)
    facts["store_timeouts"] = float(
        sum(run.records.store_counts[store, 5] for run in signals.slices.runs for store in stores)
    )
    return Symptom("failing", "service", service, service, harm, first, last, facts=facts)


def _stores_of(signals: Signals, service: int) -> list[int]:
    verbs = (Verb.READ, Verb.WRITE)
    return sorted({s.target for s in signals.system.steps if s.service == service and s.verb in verbs})


def _down(signals: Signals, service: int) -> Symptom | None:
    """Fewer of its replicas were ready than usual, and requests were reset or found none."""
    up = signals.services[service, :, stations.UP] / signals.width / signals.runs
    usual = float(np.quantile(up, 0.9))
    hot = up < 0.98 * usual
    if usual <= 0.0 or not hot.any():
        return None
    edges, entries = into(signals, service), entries_of(signals, service)
    lost = signals.answers[signals.body(0) :, :, RESET][list(signals.system.services[service].bodies)].sum(axis=0)
    for entry in entries:
        lost = lost + signals.outcomes[entry, :, UNAVAILABLE]
    refused = sum((signals.edges[e, :, links.FAILED_TRIES] for e in edges), np.zeros(signals.count))
    refused = np.where(up < 0.02 * usual, refused, 0.0)
    failures = np.where(hot, np.maximum(lost, refused), 0.0)
    held = _held(signals, service, hot)
    if failures.sum() < 1.0 and held <= 0.0:
        return None
    first, last = stretch(usual - up, hot, np.ones_like(hot))
    facts = {"usual": usual, "least": float(up.min()), "failures": float(failures.sum()), "held": held}
    harm = float(failures.sum()) * FAILURE + held * FAILURE
    return Symptom("down", "service", service, service, harm, first, last, facts=facts)


def _held(signals: Signals, service: int, hot: NDArray[np.bool_]) -> float:
    """Messages published to a service that consumes while all of it was down."""
    up = signals.services[service, :, stations.UP]
    gone = hot & (up <= 0.05 * np.quantile(up, 0.9))
    channels = {c.channel for c in signals.system.consumers if c.service == service}
    return float(sum(over(gone, signals.channels[channel, :, links.PUBLISHED]) for channel in channels))


def _unreachable(signals: Signals, service: int, down: Symptom | None) -> Symptom | None:
    """Tries were sent to it that never arrived, though its replicas were ready."""
    sent = signals.tries[service]
    came = signals.services[service, :, stations.ARRIVED] - signals.arrived_in_place[service]
    missing = np.maximum(0.0, sent - came)
    if down is not None:
        missing[max(0, down.first - 1) : down.last + 2] = 0.0
    found = rise(missing, sent, floor=0.04)
    if found is None or _by_chance(missing, sent, found):
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


def _slow_store(signals: Signals, store: int) -> Symptom | None:
    """Its operations hold a connection longer than they ordinarily do."""
    table = signals.stores[store]
    busy = table[:, stations.S_BUSY]
    done = np.maximum(table[:, stations.S_FINISHED], np.minimum(1.0, busy))
    found = rise(busy, done, share=0.5, floor=2e5)
    if found is None:
        return None
    idle = (table[:, stations.S_FINISHED] < 1.0) & (busy > 0.5 * signals.width)
    still = bool((idle[found.first : found.last] & idle[found.first + 1 : found.last + 1]).any())
    plan = signals.system.stores[store]
    users = sorted({s.service for s in signals.system.steps if s.verb in (Verb.READ, Verb.WRITE) and s.target == store})
    owner = plan.owner if plan.owner != NONE else users[0] if users else NONE
    facts = {"base": found.base, "level": found.level, "times": found.level / found.base if found.base else 0.0}
    kind = "paused" if still else "slow"
    return Symptom(kind, "store", store, owner, found.total, found.first, found.last, facts=facts)


def _delayed(signals: Signals) -> list[Symptom]:
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


def _lossy(signals: Signals, already: list[Symptom]) -> list[Symptom]:
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
        odd = np.where(stuck, 0.0, np.maximum(0.0, table[:, _GAVE_UP] - slow))
        up = rise(odd, table[:, links.TRIES], floor=0.04)
        if up is None or _by_chance(odd, table[:, links.TRIES], up):
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


_GAVE_UP = 4  # EDGE_TICKS: tick edge calls tries failed_tries failed_calls gave_up, less two


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


__all__ = ["CLIENTS", "FAILURE", "Symptom", "endpoints", "entries_of", "into", "over", "own_errors", "symptoms"]
