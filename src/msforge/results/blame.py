"""Who is to blame: symptoms ranked by harm, after what another symptom explains is taken away.

Blame walks downstream. A symptom that is a place's own (its work got slower, it failed by itself, it was gone, it
could not be reached) stands. A queue, a refusal or a backlog is only a sign of load: where a place it
depends on, or one that sends to it, showed a symptom of its own at that time or before, that one is the cause.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msforge.model.plan import NONE, System
from msforge.results.dependence import dependence
from msforge.results.pressure import pressures
from msforge.results.signals import Signals
from msforge.results.symptom import Symptom
from msforge.results.symptoms import symptoms

EXPLAINS = 0.1
"""An own symptom with at least this share of a pressure's harm can explain it."""
CLOSE = 0.5
"""A second suspect with more than this share of the first one's harm leaves the verdict open."""
LEAST = 0.002
"""Harm that counts: this share of all the time that requests took, or of all requests failed."""


@dataclass
class Blame:
    """Suspects, strongest first, and what was put down to them."""

    suspects: list[Symptom]
    explained: list[tuple[Symptom, Symptom]] = field(default_factory=list)   # (symptom, its cause)

    def last(self, symptom: Symptom) -> int:
        """The last bucket of a symptom and of what was put down to it."""
        return max([symptom.last, *(other.last for other, cause in self.explained if cause is symptom)])

    @property
    def decided(self) -> bool:
        """False when the second suspect, at another place, is nearly as strong as the first."""
        if not self.suspects:
            return True
        first = self.suspects[0]
        rest = [s for s in self.suspects[1:] if s.service != first.service]
        return first.sure and (not rest or rest[0].harm < CLOSE * first.harm)


def blame(signals: Signals) -> Blame:
    """The ranking for a run."""
    least = LEAST * _scale(signals)
    own = _merge([symptom for symptom in symptoms(signals) if symptom.harm >= least])
    load = [symptom for symptom in pressures(signals) if symptom.harm >= least]
    found = Blame([])
    standing: list[Symptom] = []
    for symptom in own:
        cause = _cause(signals.system, symptom, standing)
        if cause is None:
            standing.append(symptom)
        else:
            found.explained.append((symptom, cause))
    added: dict[int, float] = {}
    for pressure in load:
        cause = _source(signals.system, pressure, standing)
        if cause is None:
            standing.append(pressure)
        else:
            found.explained.append((pressure, cause))
            added[id(cause)] = added.get(id(cause), 0.0) + pressure.harm
    for symptom in standing:
        symptom.harm += added.get(id(symptom), 0.0)
    found.suspects = sorted(_deepest(signals.system, standing, found), key=lambda s: (-s.harm, s.place, s.index))
    return found


def _scale(signals: Signals) -> float:
    """All the time that client requests took, in ns; at least 50 ms a request so that fast systems are not touchy."""
    entries = signals.times[: signals.entries].sum(axis=(0, 1))
    return max(float(entries[1]), 5e7 * float(entries[0]))


def _merge(found: list[Symptom]) -> list[Symptom]:
    """One symptom per place: a service that is down also fails; the strongest speaks, the harm adds up."""
    kept: dict[tuple[str, int], Symptom] = {}
    for symptom in found:
        key = ("service", symptom.service) if symptom.place == "link" else (symptom.place, symptom.index)
        if key not in kept:
            kept[key] = symptom
        else:
            kept[key].harm += symptom.harm
    return list(kept.values())


def _cause(system: System, symptom: Symptom, standing: list[Symptom]) -> Symptom | None:
    """The stronger own symptom that explains this one: a store's slowness at its users, errors of a service cut off."""
    for other in standing:
        if symptom.first < other.first - 1:
            continue
        near = dependence(system).stores(symptom.service) if symptom.place == "service" else set()
        if other.place == "store" and other.index in near and symptom.kind in ("failing", "slow"):
            return other
        weak = symptom.harm < 0.2 * other.harm
        linked = related(system, symptom.service, other.service)
        if weak and linked:
            return other
    return None


def _source(system: System, pressure: Symptom, standing: list[Symptom]) -> Symptom | None:
    """The own symptom behind a pressure, if there is one that is strong enough, early enough and connected."""
    causes = [
        other
        for other in standing
        if other.kind not in ("saturated", "backlog")
        and (other.harm >= EXPLAINS * pressure.harm or pressure.facts.get("stuck") or _same(pressure, other))
        and other.first <= pressure.first + 2
        and _touches(system, pressure, other)
    ]
    return max(causes, key=lambda other: other.harm, default=None)


def _same(pressure: Symptom, other: Symptom) -> bool:
    """True when a place that became at least twice as slow, or stood still, is the one that is full."""
    same = (pressure.place, pressure.index) == (other.place, other.index)
    return same and other.facts.get("times", 0.0) >= 2.0


def _touches(system: System, pressure: Symptom, other: Symptom) -> bool:
    if pressure.service == other.service:
        return True
    return related(system, pressure.service, other.service)


def _deepest(system: System, standing: list[Symptom], found: Blame) -> list[Symptom]:
    """Of pressures alone, a caller whose threads were held by a callee that saturated too is explained by it."""
    kept = []
    for symptom in standing:
        cause = next(
            (
                other
                for other in standing
                if other is not symptom
                and symptom.kind == "saturated"
                and other.kind == "saturated"
                and other.service in dependence(system).reach(symptom.service)
                and other.service != symptom.service
                and symptom.facts.get("share", 1.0) < 0.5
                and other.harm >= 0.05 * symptom.harm
            ),
            None,
        )
        if cause is None:
            kept.append(symptom)
        else:
            found.explained.append((symptom, cause))
    return kept


def related(system: System, one: int, other: int) -> bool:
    """True when one of two services depends on the other, however indirectly, or both use one store or caller."""
    if NONE in (one, other) or one == other:
        return one == other
    graph = dependence(system)
    return bool(
        other in graph.reach(one)
        or one in graph.reach(other)
        or graph.stores(one) & graph.stores(other)
        or graph.callers(one) & graph.callers(other)
    )
