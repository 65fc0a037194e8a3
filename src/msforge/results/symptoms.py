"""Symptoms: what each service, store and link shows that cannot be put down to what it depends on.

Only measurements are read: the faults of the description are not looked at. Harm is in request-seconds, a failed
request counted as one second; it makes unlike symptoms comparable within one run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, Verb
from msforge.recording.records import STORE_COUNTS
from msforge.results import links, stations
from msforge.results.reachability import delayed, lossy, unreachable
from msforge.results.signals import OWN, Rise, Signals, rise, stretch
from msforge.results.symptom import (
    ERROR,
    FAILURE,
    RESET,
    UNAVAILABLE,
    Floats,
    Symptom,
    by_chance,
    entries_of,
    into,
    over,
)

TIMEOUTS = STORE_COUNTS.index("timeouts")


def symptoms(signals: Signals) -> list[Symptom]:
    """All symptoms that are their place's own, strongest first."""
    found: list[Symptom] = []
    for service in range(len(signals.system.services)):
        down = _down(signals, service)
        shown = [down, _slow(signals, service), _failing(signals, service, down)]
        shown += [unreachable(signals, service, down)]
        found += [symptom for symptom in shown if symptom is not None]
    for store in range(len(signals.system.stores)):
        slow = _slow_store(signals, store)
        if slow is not None:
            found.append(slow)
    found += delayed(signals)
    found += lossy(signals, found)
    return sorted(found, key=lambda symptom: -symptom.harm)


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


def _failing(signals: Signals, service: int, down: Symptom | None) -> Symptom | None:
    """It answers with errors that no failed call explains."""
    errors = own_errors(signals, service)
    served = sum((signals.answers[signals.body(b)].sum(axis=1) for b in signals.system.services[service].bodies),
                 np.zeros(signals.count))
    found = rise(errors, served, floor=0.02)
    whole = float(served.sum())
    if found is not None and not by_chance(errors, served, found):
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
        sum(run.records.store_counts[store, TIMEOUTS] for run in signals.slices.runs for store in stores)
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
