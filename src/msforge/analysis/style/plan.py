"""What the plan costs that is on the table: its services, as they are, beside one program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msforge.analysis.finding import ms, number
from msforge.analysis.style import scaling
from msforge.analysis.style.formulas import most_hops
from msforge.analysis.style.reasons import chain
from msforge.analysis.style.situation import Situation


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what, as one program, as planned, and whether the plan holds."""

    name: str
    one: str
    planned: str
    holds: bool | None            # None: nothing to hold


def plan(s: Situation) -> Iterator[Figure]:
    """The plan's figures; none without one."""
    if s.services < 2:
        return
    added = s.hops_in_a_row * s.hop
    yield Figure("calls in a row", "0", number(s.hops_in_a_row), None)
    yield Figure("latency", ms(s.alone), ms(s.alone + added), s.hops_in_a_row <= most_hops(s.budget, s.alone, s.hop))
    yield Figure("availability", f"{s.each * 100:.5g} %", f"{chain(s) * 100:.5g} %", chain(s) >= s.availability)
    yield Figure("deployables a team", number(1 / s.teams), number(s.services / s.teams),
                 s.services <= s.teams * s.own)
    one, many = scaling.together(s), scaling.evenly(s, s.services)
    yield Figure("cores", str(one.cores), str(many.cores), None)
    yield Figure("memory, GiB", number(one.memory), number(many.memory), None)
    yield Figure("machines a month", number(one.month), number(many.month), None)
    yield Figure("upkeep a month", number(scaling.upkeep(s)), number(scaling.upkeep(s, s.services)), None)
    hours = s.engineers * s.month
    yield Figure("upkeep, of all work", f"{s.upkeep / hours * 100:.2g} %",
                 f"{s.services * s.upkeep / hours * 100:.2g} %", None)
