"""The advice: as few deployables as meet every reason for more, as far as the limits allow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from msforge.analysis.style.fields import FIELDS
from msforge.analysis.style.reasons import Comparison, allows, asks
from msforge.analysis.style.situation import Situation

FEW = 5
"""Deployables up to which they are called a few; the names are ours, the number is what counts."""
MONOLITH, MODULAR, SOME, MANY = "a monolith", "a modular monolith", "a few services", "microservices"


@dataclass(frozen=True)
class Advice:
    """How many deployables, in which style, and why."""

    situation: Situation
    asks: tuple[Comparison, ...]
    allows: tuple[Comparison, ...]

    @property
    def wanted(self) -> int:
        """Deployables that some reason asks for: the largest number."""
        return max(one.deployables or 1 for one in self.asks)

    @property
    def limit(self) -> int | None:
        """Deployables that every limit allows: the smallest number; None without a limit."""
        return min((one.deployables for one in self.allows if one.deployables is not None), default=None)

    @property
    def deployables(self) -> int:
        """What is recommended."""
        return self.wanted if self.limit is None else min(self.wanted, self.limit)

    @property
    def style(self) -> str:
        """What that is called."""
        if self.deployables == 1:
            return MONOLITH if self.situation.teams == 1 else MODULAR
        return SOME if self.deployables <= FEW else MANY

    @property
    def conflict(self) -> tuple[tuple[Comparison, ...], tuple[Comparison, ...]] | None:
        """(reasons that ask for more than is allowed, limits that forbid it); None when all can be had."""
        if self.limit is None or self.wanted <= self.limit:
            return None
        wanting = tuple(one for one in self.asks if (one.deployables or 1) > self.deployables)
        holding = tuple(one for one in self.allows if one.deployables is not None and one.deployables < self.wanted)
        return wanting, holding

    def to_dict(self) -> dict[str, Any]:
        """Plain data: every number with where it comes from, every comparison, the recommendation."""
        from msforge.analysis.style.plan import plan
        from msforge.analysis.style.sensitivity import changes

        conflict = self.conflict
        return {
            "style": self.style, "deployables": self.deployables, "asked": self.wanted, "allowed": self.limit,
            "conflict": None if conflict is None else {
                "asks": [one.name for one in conflict[0]], "allows": [one.name for one in conflict[1]]},
            "asks": [asdict(one) for one in self.asks],
            "allows": [asdict(one) for one in self.allows],
            "plan": [asdict(one) for one in plan(self.situation)],
            "changes": [asdict(one) for one in changes(self)],
            "numbers": {one.name: _number(self.situation, one.name) for one in FIELDS},
        }


def _number(situation: Situation, name: str) -> dict[str, Any]:
    derived = {"deploys": situation.deploys_a_day, "hops": situation.hops_in_a_row,
               "required": situation.services_required}
    field = next(one for one in FIELDS if one.name == name)
    value = derived.get(name, getattr(situation, name))
    return {"value": field.format(value), "from": situation.given.get(name, ""), "assumed_because": field.why,
            "means": field.question}


def advise(situation: Situation) -> Advice:
    """The advice for a situation."""
    return Advice(situation, tuple(asks(situation)), tuple(allows(situation)))
