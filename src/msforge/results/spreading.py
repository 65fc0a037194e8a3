"""How a symptom reached the clients: who held whose threads, who refused, what the entries saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE, UNLIMITED
from msforge.records import ANSWERED, Outcome
from msforge.results import links, stations
from msforge.results.dependence import dependence
from msforge.results.result import Evidence
from msforge.results.signals import OWN, QUEUE, Signals
from msforge.results.symptom import OVERLOADED, Symptom, endpoints, entries_of, into
from msforge.results.traffic import entry_name, first_causes
from msforge.results.words import digits, duration, percent, second

Flags = NDArray[np.bool_]
OK = [int(outcome) for outcome in ANSWERED]


@dataclass(frozen=True)
class Contrast:
    """The buckets of a symptom against all others."""

    hot: Flags
    calm: Flags
    begin: int | None
    end: int | None


def contrast(signals: Signals, symptom: Symptom, last: int) -> Contrast:
    """The buckets from a symptom's first to `last`.

    What comes after may still be suffering, so calm is what came before, if enough did.
    """
    hot = np.zeros(signals.count, dtype=bool)
    hot[symptom.first : last + 1] = True
    calm = ~hot
    if symptom.first >= 5:
        calm[symptom.first :] = False
    begin = None if symptom.first == 0 else signals.begin + symptom.first * signals.width
    end = None if last >= signals.count - 1 else signals.begin + (last + 1) * signals.width
    return Contrast(hot, calm, begin, end)


def spread(signals: Signals, symptom: Symptom, spans: Contrast) -> list[Evidence]:
    """Sentences from the suspect's callers up to the entries; only what changed noticeably is said."""
    texts = []
    for service in _upwards(signals, symptom):
        said = _calls(signals, service, symptom, spans), _threads(signals, service, spans)
        texts += [text for text in said if text]
    texts += [text for text in (entry_text(signals, n, spans) for n in range(signals.entries)) if text]
    return [Evidence(text, spans.begin, spans.end) for text in texts]


def lingering(signals: Signals, symptom: Symptom, last: int) -> Evidence | None:
    """The cause was over, yet the overload stayed: retries kept it alive."""
    after = np.zeros(signals.count, dtype=bool)
    after[symptom.last + 1 : last + 1] = True
    if int(after.sum()) < 5 or symptom.kind not in ("slow", "paused", "failing", "down", "unreachable"):
        return None
    edges = into(signals, symptom.service)
    calls = float(signals.edges[edges][:, after, links.CALLS].sum())
    tries = float(signals.edges[edges][:, after, links.TRIES].sum())
    for entry in entries_of(signals, symptom.service):
        calls += float(signals.outcomes[entry][after].sum())
        tries += float(signals.root_tries(entry, signals.slices.entries[entry][0])[after].sum())
    if not calls or tries < 1.3 * calls:
        return None
    begin = signals.begin + (symptom.last + 1) * signals.width
    end = None if last >= signals.count - 1 else signals.begin + (last + 1) * signals.width
    name = signals.system.services[symptom.service].name
    used = _mean(signals.threads(symptom.service), after)
    until = "the end" if end is None else second(end)
    return Evidence(
        f"that was over at {second(begin)}, but the overload fed itself until {until}: {digits(tries / calls)} tries a "
        f"call kept {name} {percent(used)} busy",
        begin,
        end,
    )


def _upwards(signals: Signals, symptom: Symptom) -> list[int]:
    """Services that depend on the suspect, nearest first."""
    system = signals.system
    depth = {symptom.service: 0}
    frontier = [symptom.service]
    while frontier:
        callee = frontier.pop(0)
        for edge in system.edges:
            caller = system.bodies[edge.caller].service
            if system.bodies[edge.callee].service == callee and caller not in depth:
                depth[caller] = depth[callee] + 1
                frontier.append(caller)
    del depth[symptom.service]
    if symptom.place in ("store", "channel"):
        depth[symptom.service] = 0
    return sorted(depth, key=lambda service: (depth[service], service))


def _calls(signals: Signals, service: int, symptom: Symptom, spans: Contrast) -> str:
    """Failed calls and retries from a caller towards the suspect."""
    system = signals.system
    towards = {symptom.service} | dependence(system).callers(symptom.service)
    best = ""
    worst = 0.02
    for edge in system.edges:
        caller, callee = system.bodies[edge.caller].service, system.bodies[edge.callee].service
        if caller != service or callee not in towards or callee == service:
            continue
        table = signals.edges[edge.index][spans.hot].sum(axis=0)
        calls, tries, failed = table[links.CALLS], table[links.TRIES], table[links.FAILED_CALLS]
        if calls >= 1 and failed / calls > worst:
            worst = float(failed / calls)
            name = f"{system.body_name(edge.caller)} -> {system.body_name(edge.callee)}"
            best = f"{percent(worst)} of the calls {name} failed"
            best += f" after {digits(float(tries / calls))} tries each" if tries > 1.1 * calls else ""
    return best


def _threads(signals: Signals, service: int, spans: Contrast) -> str:
    """How full a caller was and on what its threads waited."""
    plan = signals.system.services[service]
    used = signals.threads(service)
    now, before = _mean(used, spans.hot), _mean(used, spans.calm)
    groups = [signals.body(body) for body in endpoints(signals, service)]
    n = float(signals.times[groups][:, spans.hot, 0].sum())
    if plan.threads == UNLIMITED or not n or now < max(1.5 * before, before + 0.1):
        return ""
    held = float(signals.times[groups][:, spans.hot, 1].sum() - signals.parts[groups][:, spans.hot, QUEUE].sum())
    own = float(signals.parts[groups][:, spans.hot, OWN].sum())
    ready = float(signals.services[service][spans.hot, stations.UP].mean()) / signals.width / signals.runs
    text = f"{plan.name}'s {digits(plan.threads * ready)} threads were {percent(now)} busy ({percent(before)} before)"
    if held > 0 and own < 0.5 * held:
        text += f", {percent(1.0 - own / held)} of that time waiting on others"
    wait = float(signals.parts[groups][:, spans.hot, QUEUE].sum()) / n
    refused = float(signals.outcomes[groups][:, spans.hot, OVERLOADED].sum()) / n
    text += f"; requests waited {duration(wait)} for one" if wait > 5e6 else ""
    return text + (f"; it refused {percent(refused)}" if refused > 0.005 else "")


def _mean(values: NDArray[np.float64], where: Flags) -> float:
    return float(values[where].mean()) if where.any() else 0.0


def entry_text(signals: Signals, entry: int, spans: Contrast) -> str:
    """What the clients of an entry saw, against before; empty when it hardly changed."""
    outcomes = signals.outcomes[entry]
    now, before = outcomes[spans.hot].sum(axis=0), outcomes[spans.calm].sum(axis=0)
    if now.sum() < 1:
        return ""
    failed, usually = _failed(now), _failed(before)
    name = entry_name(signals.system, signals.slices.entries[entry])
    said = []
    if failed > usually + 0.01:
        bad = {o: float(now[o]) for o in range(len(now)) if o not in OK and now[o] > 0}
        worst = max(bad, key=lambda o: bad[o])
        cause = _cause(signals, entry)
        most = f"most because of `{cause}`" if cause else f"most with `{Outcome(worst).word}`"
        said.append(f"{percent(failed)} failed ({percent(usually)} before), {most}")
    mean, usual = _latency(signals, entry, spans.hot), _latency(signals, entry, spans.calm)
    if mean is not None and usual is not None and mean > 1.2 * usual + 1e6:
        said.append(f"answers took {duration(mean)} on average ({duration(usual)} before)")
    return f"{name}: {', '.join(said)}" if said else ""


def _cause(signals: Signals, entry: int) -> str:
    """The first cause behind more than half of an entry's failures, e.g. `payment: timeout`; empty if there is none."""
    causes = first_causes(signals.slices, entry)
    word = next(iter(causes), "")
    return word if word and causes[word] > 0.5 * sum(causes.values()) else ""


def _failed(counts: NDArray[np.float64]) -> float:
    return float(1.0 - counts[OK].sum() / counts.sum()) if counts.sum() else 0.0


def _latency(signals: Signals, entry: int, where: Flags) -> float | None:
    n, total = signals.answered_times[entry][where].sum(axis=0)
    return float(total / n) if n else None


def consumers_of(signals: Signals, service: int) -> list[int]:
    """Consumer bodies of a service."""
    return [b for b in signals.system.services[service].bodies if signals.system.bodies[b].consumer != NONE]
