"""Symptoms in words: every number in a sentence is measured."""

from __future__ import annotations

from msforge.results.signals import Signals
from msforge.results.symptom import CLIENTS, Symptom
from msforge.results.words import digits, duration, percent, when


def place(signals: Signals, symptom: Symptom) -> str:
    """What a symptom is at, e.g. `payment`, `orders-db`, `order -> payment`."""
    system = signals.system
    if symptom.place == "store":
        return system.stores[symptom.index].name
    if symptom.place == "channel":
        return system.channels[symptom.index].name
    if symptom.place == "link":
        caller = "the clients" if symptom.caller == CLIENTS else system.services[symptom.caller].name
        return f"{caller} -> {system.services[symptom.service].name}"
    return system.services[symptom.index].name


def span(signals: Signals, symptom: Symptom) -> tuple[int | None, int | None]:
    """When a symptom showed, ns; None for the start or end of what was measured."""
    begin = None if symptom.first == 0 else signals.begin + symptom.first * signals.width
    end = None if symptom.last >= signals.count - 1 else signals.begin + (symptom.last + 1) * signals.width
    return begin, end


def say(signals: Signals, symptom: Symptom) -> str:
    """The symptom in a sentence."""
    name, at = place(signals, symptom), when(*span(signals, symptom))
    facts = symptom.facts
    if symptom.kind == "unreachable":
        return _unreachable(signals, symptom, at)
    if symptom.kind == "delayed":
        ends = name.split(" -> ")
        return (
            f"the network between {ends[0]} and {ends[1]} took {duration(facts['level'])} a request {at}, "
            f"{duration(facts['base'])} otherwise"
        )
    if symptom.kind == "down":
        return (
            f"{name} had {digits(facts['least'])} of {digits(facts['usual'])} replicas ready {at}; "
            f"{digits(facts['failures'])} of its requests failed for that"
        )
    if symptom.kind == "failing":
        text = f"{name} failed {percent(facts['share'])} of its requests by itself {at} "
        text += f"({percent(facts['base'])} otherwise), {digits(facts['errors'])} in all"
        late = facts.get("store_timeouts", 0.0)
        return text + (f"; {digits(late)} operations at its stores timed out in this run" if late >= 1 else "")
    if symptom.kind == "backlog":
        return (
            f"the backlog of {name} grew to {digits(facts['backlog'])} {at}: {digits(facts['published'])}/s came in, "
            f"{digits(facts['done'])}/s were done"
        )
    if symptom.place == "store":
        return _store(name, symptom, at)
    return _service(signals, symptom, name, at)


def _unreachable(signals: Signals, symptom: Symptom, at: str) -> str:
    facts = symptom.facts
    callee = signals.system.services[symptom.service].name
    caller = "the clients" if symptom.caller == CLIENTS else signals.system.services[symptom.caller].name
    lost = f"{digits(facts['missing'])} tries"
    if facts.get("late"):
        return (
            f"{percent(facts['share'])} of the tries from {caller} to {callee} ({lost}) timed out {at}, though "
            f"{callee} answered what reached it in time"
        )
    return (
        f"{percent(facts['share'])} of the tries sent to {callee} ({lost}, most of them by {caller}) never arrived "
        f"{at}, though {callee} was up"
    )


def _times(facts: dict[str, float]) -> str:
    return f"{digits(facts['times'])}x the usual {duration(facts['base'])}" if facts["times"] >= 1.05 else "as usual"


def _store(name: str, symptom: Symptom, at: str) -> str:
    facts = symptom.facts
    if symptom.kind == "saturated":
        return (
            f"{name} was full {at}: {percent(facts['utilisation'])} of its connections busy, operations waited "
            f"{duration(facts['wait'])} for one, at {digits(facts['volume'])}x the usual rate"
        )
    verb = "all but stood still" if symptom.kind == "paused" else "was slow"
    return f"{name} {verb} {at}: {duration(facts['level'])} per operation, {_times(facts)}"


def _service(signals: Signals, symptom: Symptom, name: str, at: str) -> str:
    facts = symptom.facts
    if "level" not in facts:
        verb = "was full" if facts["utilisation"] >= 0.7 else "queued"
        text = f"{name} {verb} {at}: {percent(facts['utilisation'])} of its threads busy"
        text += f" ({percent(facts['usual'])} otherwise)" if facts["usual"] < 0.95 * facts["utilisation"] else ""
        text += f", requests waited {duration(facts['wait'])} for one" if facts["wait"] >= 1e6 else ""
        text += f", it refused {percent(facts['refused_share'])}" if facts["refused"] >= 1 else ""
        return text + (f", at {digits(facts['volume'])}x the usual arrivals" if facts["volume"] >= 1.2 else "")
    if symptom.body >= 0:
        name = signals.system.body_name(symptom.body)
    own = f"{duration(facts['level'])} of its own time per request, {_times(facts)}"
    if symptom.kind == "paused":
        return f"{name} all but stood still {at}: {own}"
    if symptom.kind == "saturated":
        return (
            f"{name} ran out of CPU {at}: {percent(facts['cpu'])} of its cores busy at {digits(facts['volume'])}x the "
            f"usual arrivals, {own}"
        )
    return f"{name} was slow {at}: {own}"
