"""Where it hurts, when, why and what to try: computed from the measurements alone.

Signals are read per bucket, symptoms that are a place's own are told from mere load (`blame`), and only then are
sentences made. The faults of the description are never looked at; where the evidence does not decide, it is said so.
"""

from __future__ import annotations

from msforge.model.plan import UNLIMITED
from msforge.records import ANSWERED, Outcome
from msforge.results import stations
from msforge.results.advice import advice
from msforge.results.blame import Blame, blame
from msforge.results.result import Evidence, Story, Suspect
from msforge.results.sayings import place, say, span
from msforge.results.signals import FEWEST_VALUES, Signals
from msforge.results.slices import Slices
from msforge.results.spreading import contrast, entry_text, lingering, spread
from msforge.results.symptom import Symptom
from msforge.results.traffic import entry_name
from msforge.results.words import percent

MOST_SUSPECTS = 5
NOTEWORTHY = 0.01
"""A share of failures above which a run without a suspect is not called healthy."""


def story(slices: Slices) -> Story:
    """The story of a run, or of a window of it."""
    signals = Signals(slices)
    if signals.count < FEWEST_VALUES:
        return Story(False, "Too little was measured to say where it hurts.", False, [])
    found = blame(signals)
    if not found.suspects:
        return _nobody(signals)
    suspects = [_suspect(signals, found, symptom) for symptom in found.suspects[:MOST_SUSPECTS]]
    return Story(False, _headline(signals, found, suspects), found.decided, suspects)


def _suspect(signals: Signals, found: Blame, symptom: Symptom) -> Suspect:
    begin, end = span(signals, symptom)
    spans = contrast(signals, symptom, found.last(symptom))
    evidence = [Evidence(say(signals, symptom), begin, end)]
    for other, cause in found.explained:
        if cause is symptom:
            evidence.append(Evidence(f"put down to it: {say(signals, other)}", *span(signals, other)))
    fed = lingering(signals, symptom, found.last(symptom))
    if fed is not None:
        evidence.insert(1, fed)
    if symptom.others:
        names = " or ".join(symptom.others)
        evidence.append(Evidence(f"the measurements do not tell it from {names}", begin, end))
    return Suspect(
        name=place(signals, symptom),
        kind=symptom.place,
        service=signals.system.services[symptom.service].name if symptom.service >= 0 else "",
        symptom=symptom.kind,
        score=symptom.harm / 1e9 / signals.runs,
        begin=begin,
        end=end,
        evidence=evidence,
        spread=spread(signals, symptom, spans),
        advice=advice(signals, symptom, spans),
    )


def _headline(signals: Signals, found: Blame, suspects: list[Suspect]) -> str:
    first = found.suspects[0]
    text = say(signals, first)
    spans = contrast(signals, first, found.last(first))
    felt = [said for said in (entry_text(signals, n, spans) for n in range(signals.entries)) if said]
    text += f"; {felt[0]}" if felt else "; no client noticed"
    if not found.decided and len(suspects) > 1 and suspects[1].name != suspects[0].name:
        return f"The evidence does not decide between {suspects[0].name} and {suspects[1].name}: {text}."
    if not found.decided:
        return f"Most likely, though the evidence does not decide: {text}."
    return (text[0].upper() + text[1:] if text.startswith("the ") else text) + "."


def _nobody(signals: Signals) -> Story:
    """No symptom: a healthy run, or failures that no place stands out for."""
    answered = [int(outcome) for outcome in ANSWERED]
    worst = ("", 0.0, "")
    for entry in range(signals.entries):
        totals = signals.outcomes[entry].sum(axis=0)
        if totals.sum():
            bad = totals.copy()
            bad[answered] = 0.0
            share = float(bad.sum() / totals.sum())
            if share > worst[1]:
                name = entry_name(signals.system, signals.slices.entries[entry])
                worst = (name, share, Outcome(int(bad.argmax())).word)
    empty = [s.name for s in signals.system.services if s.replicas == 0 and s.function is None]
    if worst[1] >= NOTEWORTHY and worst[2] == Outcome.UNAVAILABLE.word and empty:
        who = " and ".join(empty)
        return Story(False, f"{worst[0]} failed {percent(worst[1])} of its requests: {who} has no replica.", True, [])
    if worst[1] >= NOTEWORTHY:
        return Story(
            False,
            f"{worst[0]} failed {percent(worst[1])} of its requests, most with `{worst[2]}`, about evenly over time; "
            "no service, store or link left its ordinary course, so the evidence does not decide who is to blame.",
            False,
            [],
        )
    busiest = _busiest(signals)
    return Story(True, f"Nothing stands out: no service, store or link left its ordinary course{busiest}.", True, [])


def _busiest(signals: Signals) -> str:
    """`; the busiest is payment, at 34 % of its threads`."""
    best = ("", 0.0)
    for plan in signals.system.services:
        table = signals.services[plan.index].sum(axis=0)
        room = float(table[stations.THREADS])
        limited = room > 0 and plan.threads != UNLIMITED and plan.function is None
        used = float(table[stations.BUSY]) / room if limited else 0.0
        if used > best[1]:
            best = (plan.name, used)
    return f"; the busiest is {best[0]}, at {percent(best[1])} of its threads" if best[0] else ""
