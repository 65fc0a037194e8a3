"""A team, its plan and its load, in plain numbers; each with where it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msforge.analysis.style.fields import BY_NAME, FIELDS
from msforge.errors import UsageError
from msforge.names import did_you_mean
from msforge.units import UnitError

SECOND = 1e9


@dataclass(frozen=True)
class Situation:
    """All numbers of `fields`, parsed: times in ns, rates per second, prices per hour, sizes in bytes, shares 0 to 1.

    `given` says of each name who said it: "given", a source such as "shop.yaml", or "" for what is assumed.
    """

    engineers: int
    services: int
    rate: float
    cpu: int
    budget: int
    alone: int
    deploy_time: int
    peak: float
    share: float
    languages: int
    availability: float
    each: float
    hop: float
    team: int
    own: int
    day: int
    month: int
    upkeep: int
    engineer_price: float
    core_price: float
    memory_price: float
    memory: int
    process: int
    deploys: float | None = None
    hops: float | None = None
    required: int | None = None
    given: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def teams(self) -> int:
        """Teams of at most `team` people."""
        return math.ceil(self.engineers / self.team)

    @property
    def deploys_a_day(self) -> float:
        """Those wanted; one for two people when nobody said."""
        return self.engineers / 2 if self.deploys is None else self.deploys

    @property
    def hops_in_a_row(self) -> float:
        """Calls that the plan puts in a row into its longest request."""
        return self.services - 1 if self.hops is None else self.hops

    @property
    def services_required(self) -> int:
        """Services of the plan that a request needs."""
        return self.services if self.required is None else self.required


def situation(said: Mapping[str, Any], given: Mapping[str, str]) -> Situation:
    """A situation from parsed numbers by name, and who said each; the rest is assumed."""
    values = {one.name: one.parse(one.shown) for one in FIELDS if one.shown}
    return Situation(**{**values, **said}, given=dict(given))


def parsed(name: str, value: Any) -> Any:
    """The value of a named number as it was written. Raises UsageError."""
    known = BY_NAME.get(name)
    if known is None:
        hint = did_you_mean(name, BY_NAME) or f"the names are {', '.join(BY_NAME)}"
        raise UsageError(f"there is no number called {name!r}", hint=hint)
    try:
        return known.parse(value)
    except UnitError as error:
        raise UsageError(f"{name}: {error}", hint=error.help) from error
