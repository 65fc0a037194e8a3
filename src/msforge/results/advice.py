"""What to try: each piece of advice follows from something measured, and names it."""

from __future__ import annotations

import math

from msforge.model.plan import NEVER, NONE, UNLIMITED, Edge
from msforge.results import links, stations
from msforge.results.signals import Signals
from msforge.results.spreading import Contrast
from msforge.results.symptom import Symptom, into
from msforge.results.words import digits, percent, second

ROOM = 0.7
"""Share of capacity to plan for, so that bursts find room."""


def advice(signals: Signals, symptom: Symptom, spans: Contrast) -> list[str]:
    """Advice for a suspect, the most telling first."""
    found = _capacity(signals, symptom, spans) if symptom.kind in ("saturated", "backlog") else []
    if symptom.kind == "down":
        found += _replicas(signals, symptom)
    edges = [signals.system.edges[e] for e in into(signals, symptom.service)]
    if symptom.place == "link" and symptom.caller >= 0:
        edges = [e for e in edges if signals.system.bodies[e.caller].service == symptom.caller]
    for edge in edges:
        found += _call(signals, edge, spans)
    found += _store(signals, symptom)
    found += _inside(signals, symptom)
    found += _wasted(signals, symptom, spans)
    return list(dict.fromkeys(found))[:6]


def _name(signals: Signals, edge: Edge) -> str:
    return f"{signals.system.body_name(edge.caller)} -> {signals.system.body_name(edge.callee)}"


def _call(signals: Signals, edge: Edge, spans: Contrast) -> list[str]:
    """Policies that the call lacked, where what happened shows that they were missed."""
    table = signals.edges[edge.index][spans.hot].sum(axis=0)
    calls, tries, failed = (float(table[c]) for c in (links.CALLS, links.TRIES, links.FAILED_CALLS))
    policy = signals.system.steps[edge.step].policy
    name = _name(signals, edge)
    caller = signals.system.services[signals.system.bodies[edge.caller].service]
    busy = signals.threads(caller.index)
    held = float(busy[spans.hot].max()) if spans.hot.any() else 0.0
    found = []
    if policy.timeout == NEVER and policy.deadline == NEVER and calls:
        why = f", whose threads were {percent(held)} busy at the worst" if held > 0.5 else ""
        found.append(f"a timeout on {name}: without one a call waits as long as it takes, and holds a thread of "
                     f"{caller.name}{why}")
    if tries > 1.3 * max(calls, 1.0) and policy.retry is not None and policy.retry.budget is None:
        found.append(f"a retry budget on {name}: each call became {digits(tries / max(calls, 1.0))} tries, more load "
                     "just when there was least room")
    if calls and failed > 0.3 * calls and policy.breaker is None:
        found.append(f"a circuit breaker on {name}: {percent(failed / calls)} of {digits(calls)} calls failed, and "
                     "each held a thread until it did")
    if calls and failed > 0.05 * calls and policy.fallback is None:
        found.append(f"a fallback on {name}, if there is something to answer without it: {digits(failed)} calls failed")
    short = 0 < failed < 0.6 * calls and policy.retry is None
    if short and signals.system.bodies[edge.callee].idempotent:
        found.append(f"a retry with a budget on {name}: only {percent(failed / calls)} of the calls failed")
    return found


def _inside(signals: Signals, symptom: Symptom) -> list[str]:
    """Nothing it depends on changed, so the reason is its own."""
    if symptom.place != "service" or symptom.kind not in ("slow", "failing", "paused"):
        return []
    name = signals.system.services[symptom.service].name
    begin = signals.begin + symptom.first * signals.width
    since = "it was so from the start" if symptom.first == 0 else f"what changed in it at about {second(begin)}?"
    return [f"a look inside {name}: nothing it calls or stores in got slower or failed, so the reason is its own; "
            f"{since}"]


def _replicas(signals: Signals, symptom: Symptom) -> list[str]:
    plan = signals.system.services[symptom.service]
    if plan.replicas == 1:
        return [f"a second replica of {plan.name}: when its only one was gone, nothing could answer"]
    found = []
    if symptom.facts["least"] < 0.5:
        found.append(f"replicas of {plan.name} that do not fail together (zones, a rolling deploy): all "
                     f"{plan.replicas} were gone at once")
    if plan.detect > 0:
        found.append(f"a faster health check of {plan.name}: requests went to dead replicas for "
                     f"{plan.detect / 1e9:g} s")
    return found


def _capacity(signals: Signals, symptom: Symptom, spans: Contrast) -> list[str]:
    """How many replicas, threads or connections the offered load needs."""
    system = signals.system
    if symptom.place == "store":
        store = system.stores[symptom.index]
        table = signals.stores[symptom.index][spans.hot].sum(axis=0)
        span = signals.width * float(spans.hot.sum()) * signals.runs
        offered = float(table[stations.S_BUSY] * _demand(table[0], table[stations.S_FINISHED])) / span
        wanted = math.ceil(offered / ROOM)
        if wanted > store.connections > 0:
            return [f"about {wanted} connections to {store.name} instead of {store.connections}, or a cache in front "
                    f"of it: the load needs {digits(offered)} at once"]
        return [f"a cache in front of {store.name}, or cheaper operations"]
    plan = system.services[symptom.service]
    if symptom.kind == "backlog":
        return [f"more consumer threads or replicas of {plan.name}: {digits(symptom.facts['published'])}/s came in, "
                f"{digits(symptom.facts['done'])}/s were done"]
    return _service_capacity(signals, symptom, spans)


def _demand(arrived: float, finished: float) -> float:
    return max(1.0, float(arrived) / max(float(finished), 1.0))


def _service_capacity(signals: Signals, symptom: Symptom, spans: Contrast) -> list[str]:
    plan = signals.system.services[symptom.service]
    table = signals.services[symptom.service][spans.hot].sum(axis=0)
    span = signals.width * float(spans.hot.sum()) * signals.runs
    ready = float(table[stations.UP]) / span
    served = max(1.0, float(table[stations.FINISHED]) - symptom.facts.get("refused", 0.0))
    offered = float(table[stations.BUSY]) / span * max(1.0, float(table[stations.ARRIVED]) / served)
    room = plan.threads
    what = "threads"
    if plan.cpu is not None and symptom.facts.get("cpu", 0.0) > 0.9:
        offered = float(table[stations.CPU]) / span * max(1.0, float(table[stations.ARRIVED]) / served)
        room, what = max(1, math.floor(plan.cpu.cores)), "cores"
    if room == UNLIMITED or room <= 0:
        return []
    wanted = math.ceil(offered / ROOM / room)
    found = []
    if wanted > ready:
        found.append(f"about {wanted} replicas of {plan.name} instead of {digits(ready)}: the load keeps "
                     f"{digits(offered)} {what} busy, each replica has {room}, and {percent(ROOM)} of them leave room")
    if plan.autoscale is None and symptom.facts.get("volume", 1.0) > 1.5:
        found.append(f"autoscaling for {plan.name}: arrivals rose to {digits(symptom.facts['volume'])}x the usual")
    if plan.queue == UNLIMITED or symptom.facts.get("wait", 0.0) > 1e9:
        found.append(f"a shorter queue at {plan.name}: a request that waits longer than its caller does is work for "
                     "nothing")
    return found


def _store(signals: Signals, symptom: Symptom) -> list[str]:
    if symptom.place != "store" or symptom.kind == "saturated":
        return []
    store = signals.system.stores[symptom.index]
    bare = sorted({
        signals.system.body_name(s.body)
        for s in signals.system.steps
        if s.target == symptom.index and s.verb.name in ("READ", "WRITE") and s.timeout == NEVER and s.body != NONE
    })
    return [f"a timeout on what {name} does at {store.name}: it waited as long as the store took" for name in bare[:2]]


def _wasted(signals: Signals, symptom: Symptom, spans: Contrast) -> list[str]:
    """Work that nobody waited for any more."""
    bodies = list(signals.system.services[symptom.service].bodies)
    bodies = [b for b in bodies if signals.system.bodies[b].consumer == NONE]
    gone = float(signals.gone[bodies][:, spans.hot].sum())
    served = float(signals.answers[[signals.body(b) for b in bodies]][:, spans.hot].sum())
    if not served or gone < 0.1 * served:
        return []
    name = signals.system.services[symptom.service].name
    return [f"`cancel: all` or a deadline on the calls to {name}: {percent(gone / served)} of what it finished, nobody "
            "waited for any more"]
