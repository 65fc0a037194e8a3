"""Queues and refusals: whose load they are, once what the callees did is taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, UNLIMITED, Verb
from msforge.results import links, stations
from msforge.results.signals import BACKOFF, NETWORK, OWN, QUEUE, REFUSED, STORE, Rise, Signals, rise
from msforge.results.symptom import FAILURE, OVERLOADED, Symptom, endpoints

Floats = NDArray[np.float64]


def pressures(signals: Signals) -> list[Symptom]:
    """Services and stores that saturated, and channels that fell behind; harm reduced by what callees explain."""
    found: list[Symptom] = []
    for service in range(len(signals.system.services)):
        shown = _service(signals, service)
        if shown is not None:
            found.append(shown)
    for store in range(len(signals.system.stores)):
        shown = _store(signals, store)
        if shown is not None:
            found.append(shown)
    for channel in range(len(signals.system.channels)):
        found += _channel(signals, channel)
    return sorted(found, key=lambda symptom: -symptom.harm)


def _sums(signals: Signals, service: int) -> tuple[Floats, Floats, Floats]:
    """[buckets] requests, [buckets] summed latency, [buckets, 5] its parts, over a service's endpoints."""
    groups = [signals.body(body) for body in endpoints(signals, service)]
    times = signals.times[groups].sum(axis=0)
    return times[:, 0], times[:, 1], signals.parts[groups].sum(axis=0)


def _service(signals: Signals, service: int) -> Symptom | None:
    n, total, parts = _sums(signals, service)
    groups = [signals.body(body) for body in endpoints(signals, service)]
    refused = signals.outcomes[groups][:, :, OVERLOADED].sum(axis=0)
    harm = parts[:, QUEUE] + refused * FAILURE
    found = rise(harm, n, floor=2e6) or _always(signals, service, harm, n)
    if found is None:
        return None
    used = signals.threads(service)
    hot = used[found.hot]
    plan = signals.system.services[service]
    if plan.threads != UNLIMITED and len(hot) and float(hot.max()) < 0.7:
        return None
    share, waiting = _own_share(n, total, parts, found)
    arrived = signals.services[service, :, stations.ARRIVED]
    calm = arrived[~found.hot]
    facts = {
        "utilisation": float(hot.mean()) if len(hot) else 0.0,
        "usual": float(used[~found.hot].mean()) if (~found.hot).any() else 0.0,
        "refused": float(refused[found.hot].sum()),
        "refused_share": float(refused[found.hot].sum() / max(1.0, n[found.hot].sum())),
        "wait": float(parts[found.hot, QUEUE].sum() / max(1.0, n[found.hot].sum())),
        "volume": float(arrived[found.hot].mean() / calm.mean()) if len(calm) and calm.mean() > 0 else 1.0,
        "share": share,
        "others": waiting,
        "stuck": _stuck(signals, groups, found),
    }
    return Symptom(
        "saturated", "service", service, service, found.total * share, found.first, found.last, facts=facts
    )


def _stuck(signals: Signals, groups: list[int], found: Rise) -> float:
    """1 when its threads are taken but hardly a request gets through: they wait for something that never ends."""
    answers = signals.answers[groups].sum(axis=0)
    through = answers.sum(axis=1) - answers[:, REFUSED].sum(axis=1)
    calm = through[~found.hot]
    usual = float(np.median(calm)) if len(calm) else float(through.max())
    return float(usual > 0 and float(np.median(through[found.hot])) < 0.1 * usual)


def _always(signals: Signals, service: int, harm: Floats, n: Floats) -> Rise | None:
    """Full throughout the run: nothing ordinary to compare with, so the level alone must speak."""
    used = signals.threads(service)
    whole = float(n.sum())
    if not whole or not used.any() or float(np.median(used)) < 0.9:
        return None
    groups = [signals.body(body) for body in endpoints(signals, service)]
    served = signals.parts[groups][:, :, [OWN, STORE]].sum()
    if harm.sum() / whole < max(2e6, 3.0 * served / whole):
        return None
    hot = used >= 0.9
    excess = np.where(hot, harm, 0.0)
    return Rise(0.0, hot, excess, float(excess.sum()) / max(1.0, float(n[hot].sum())), np.ones_like(hot))


def _own_share(n: Floats, total: Floats, parts: Floats, found: Rise) -> tuple[float, float]:
    """How much of the added load is the service's own (more requests), not time it spent on others.

    The second figure is the share of its threads' time that went to other services, stores and the network while hot.
    """
    held = np.maximum(0.0, total - parts[:, QUEUE])
    away = np.maximum(0.0, held - parts[:, OWN])
    hot, calm = found.hot, ~found.hot
    outside = float(away[hot].sum() / max(held[hot].sum(), 1.0))
    if not calm.any() or n[calm].sum() <= 0 or n[hot].sum() <= 0:
        return 1.0 - outside, outside
    before, after = held[calm].sum() / calm.sum(), held[hot].sum() / hot.sum()
    longer = away[hot].sum() / n[hot].sum() - away[calm].sum() / n[calm].sum()
    explained = max(0.0, longer) * n[hot].sum() / hot.sum()
    grown = after - before
    if grown <= 0.0:
        return 1.0 - outside, outside
    return float(np.clip(1.0 - explained / grown, 0.0, 1.0)), outside


def _store(signals: Signals, store: int) -> Symptom | None:
    table = signals.stores[store]
    plan = signals.system.stores[store]
    if plan.connections == UNLIMITED:
        return None
    done = np.maximum(table[:, stations.S_FINISHED], 1.0)
    found = rise(table[:, stations.S_WAIT], done, floor=2e6)
    used = table[:, stations.S_BUSY] / (signals.width * signals.runs * plan.connections)
    if found is None and float(np.median(used)) >= 0.9:
        held = float(table[:, stations.S_BUSY].sum() / done.sum())
        if table[:, stations.S_WAIT].sum() / done.sum() > 3.0 * held:
            waits = table[:, stations.S_WAIT]
            whole = np.ones(signals.count, dtype=bool)
            found = Rise(0.0, whole, waits, float(waits.sum() / done.sum()), whole)
    if found is None or float(used[found.hot].max()) < 0.7:
        return None
    users = sorted({s.service for s in signals.system.steps if s.verb in (Verb.READ, Verb.WRITE) and s.target == store})
    owner = plan.owner if plan.owner != NONE else users[0] if users else NONE
    finished = table[:, stations.S_FINISHED]
    calm = finished[~found.hot]
    facts = {
        "utilisation": float(used[found.hot].mean()),
        "usual": float(used[~found.hot].mean()) if (~found.hot).any() else 0.0,
        "wait": found.level,
        "volume": float(finished[found.hot].mean() / calm.mean()) if len(calm) and calm.mean() > 0 else 1.0,
    }
    return Symptom("saturated", "store", store, owner, found.total, found.first, found.last, facts=facts)


def _waits(signals: Signals, channel: int, found: Rise) -> dict[int, float]:
    """How long messages of a channel waited for each consuming service while its backlog was up."""
    waits: dict[int, float] = {}
    for consumer in signals.system.consumers:
        if consumer.channel == channel:
            waited = float(signals.parts[signals.body(consumer.body), found.hot, QUEUE].sum())
            waits[consumer.service] = waits.get(consumer.service, 0.0) + waited
    return dict(sorted(waits.items()))


def _channel(signals: Signals, channel: int) -> list[Symptom]:
    """Each consumer service of a channel whose backlog rose, when deliveries did not keep up with publishing."""
    table = signals.channels[channel]
    backlog = table[:, links.BACKLOG] / signals.group
    found = rise(backlog, np.ones(signals.count), floor=20.0 * signals.runs)
    if found is None:
        return []
    waits = _waits(signals, channel, found)
    # Of several groups, those whose messages wait: the others keep up.
    services = [s for s, waited in waits.items() if waited >= 0.2 * sum(waits.values())]
    groups = len(waits) if signals.system.channels[channel].topic else 1  # each of them does every message
    published, done = table[:, links.PUBLISHED], table[:, links.DONE] / max(1, groups)
    calm = ~found.hot
    facts = {
        "backlog": float(backlog[found.hot].max()) / signals.runs,
        "usual": found.base / signals.runs,
        "volume": float(published[found.hot].mean() / max(published[calm].mean(), 1e-9)) if calm.any() else 1.0,
        "done": float(done[found.hot].mean()) / signals.seconds(),
        "published": float(published[found.hot].mean()) / signals.seconds(),
    }
    harm = found.total * signals.width * 0.1
    return [
        Symptom("backlog", "channel", channel, service, harm, found.first, found.last, facts=facts)
        for service in services
    ]


__all__ = ["BACKOFF", "NETWORK", "pressures"]
