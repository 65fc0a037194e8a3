"""The comparisons: what asks for more deployables, and how many each limit allows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from msforge.analysis.finding import ms, number, percent
from msforge.analysis.style import scaling
from msforge.analysis.style.formulas import (
    in_series,
    most_hops,
    most_in_series,
    pairs,
    pairs_in_teams,
    pipeline_wait,
    pipelines,
)
from msforge.analysis.style.situation import Situation


@dataclass(frozen=True, slots=True)
class Comparison:
    """One formula with this situation's numbers in it."""

    name: str
    deployables: int | None
    """At least so many (a reason) or at most (a limit); None for no limit."""
    numbers: str
    """The sum, in words."""
    source: str
    rule_of_thumb: bool = False


def asks(situation: Situation) -> Iterator[Comparison]:
    """What speaks for more than one deployable, and for how many."""
    yield _deployments(situation)
    yield Comparison(
        "languages", situation.languages,
        f"{_many(situation.languages, 'language or runtime', 'languages or runtimes')}: a process each at least",
        "a process has one runtime",
    )
    yield _scaling(situation)


def _deployments(s: Situation) -> Comparison:
    use = s.deploys_a_day * s.deploy_time / s.day
    wait = pipeline_wait(use)
    waits = "changes pile up" if wait == math.inf else f"a change waits {ms(wait * s.deploy_time)} on average"
    return Comparison(
        "deployments", pipelines(s.deploys_a_day, s.deploy_time, s.day),
        f"{number(s.deploys_a_day)} a day of {ms(s.deploy_time)} each keep one pipeline {_share(use)} busy: "
        f"{waits}; at most {ms(s.deploy_time)} is borne",
        "M/D/1: wait = use / (2 (1 - use)) deployments (Pollaczek 1930, Khinchine 1932)",
    )


def _scaling(s: Situation) -> Comparison:
    one, (rest, part) = scaling.as_one(s), scaling.apart(s)
    saved, price = one.month - rest.month - part.month, scaling.upkeep(s)
    balance = "saves" if saved >= 0 else "costs"
    return Comparison(
        "scaling", 2 if saved > price else 1,
        f"{number(scaling.busy(s))} cores' work, of which {percent(s.share)} {_rises(s.peak)}: "
        f"{one.cores} cores as one program, {rest.cores} + {part.cores} apart; apart {balance} "
        f"{number(abs(saved))} a month, its upkeep costs {number(price)}",
        "busy cores = rate x CPU time; cores by Erlang C, 20 % wait (Erlang 1917)",
    )


def _rises(peak: float) -> str:
    return "rise and fall with the rest" if peak == 1 else f"can rise {number(peak)}-fold by themselves"


def allows(situation: Situation) -> Iterator[Comparison]:
    """How many deployables each limit lets pass. None is a number below 1: the limit fails by itself then."""
    yield _latency(situation)
    yield _availability(situation)
    s = situation
    yield Comparison(
        "owners", s.teams * s.own,
        f"{_many(s.engineers, 'person', 'people')}, {_many(s.teams, 'team')} of at most {s.team}, "
        f"{_many(s.own, 'deployable')} a team",
        "you build it, you run it (Vogels 2006); two-pizza teams (Amazon); two to three simple domains a team "
        "(Skelton and Pais 2019)",
        rule_of_thumb=True,
    )


def _latency(s: Situation) -> Comparison:
    most = most_hops(s.budget, s.alone, s.hop)
    fits = s.services > 1 and s.hops_in_a_row <= most
    if most < 0:
        words = f"{ms(s.alone)} in one program are over the budget of {ms(s.budget)} already"
    else:
        words = (f"{ms(s.budget)} less {ms(s.alone)} leave {ms(s.budget - s.alone)}: {number(most)} calls in a row of "
                 f"{ms(s.hop)}")
        words += f"; the plan has {number(s.hops_in_a_row)}" if fits else ""
    return Comparison(
        "latency", None if fits else max(1, most + 1), words,
        "k deployables put at most k - 1 calls in a row into a request",
    )


def _availability(s: Situation) -> Comparison:
    most = most_in_series(s.each, s.availability)
    fits = s.services > 1 and s.services_required <= most
    words = f"{_nines(s.each)} each, {_nines(s.availability)} wanted: at most {number(most)} in series"
    if most < 1:
        words = f"one alone answers {_nines(s.each)}, below the {_nines(s.availability)} wanted: more replicas first"
    words += f"; a request of the plan needs {s.services_required}" if fits else ""
    return Comparison(
        "availability", None if fits else max(1, most), words,
        "in series a^n (Trivedi); the rule of the extra 9 (Treynor et al. 2017)",
    )


def talk(situation: Situation) -> str:
    """How many pairs of people may have to agree, without and with boundaries between teams."""
    people, teams = situation.engineers, situation.teams
    words = f"{_many(people, 'person', 'people')}: {pairs(people):,} pairs who may have to agree (n(n-1)/2, Brooks)"
    if teams == 1:
        return words
    inside = pairs_in_teams(people, teams)
    return f"{words}; {inside:,} with modules owned by {teams} teams, for which no network is needed (Conway 1968)"


def chain(situation: Situation) -> float:
    """Availability of a request of the plan."""
    return in_series(situation.each, situation.services_required)


def _share(value: float) -> str:
    return f"{value * 100:,.0f} %"


def _nines(value: float) -> str:
    return f"{value * 100:.6g} %"


def _many(value: int, one: str, many: str = "") -> str:
    return f"{value:,} {one if value == 1 else many or one + 's'}"
