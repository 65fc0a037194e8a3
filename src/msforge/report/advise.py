"""An Advice for the terminal: the recommendation, the sums it rests on, what would change it, its limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from msforge.analysis.style.advice import FEW, Advice
from msforge.analysis.style.plan import plan
from msforge.analysis.style.reasons import Comparison, talk
from msforge.analysis.style.sensitivity import changes
from msforge.report.shapes import bullets, heading, indented, number, table
from msforge.report.text import clean, plural

WORDS = {
    "engineers": "people", "deploys": "deployments a day", "deploy_time": "time of a deployment",
    "languages": "languages", "rate": "requests", "peak": "peak of the uneven part", "budget": "latency budget",
    "alone": "time in one program", "hop": "latency of a call", "availability": "availability wanted",
    "each": "availability of one deployable",
}
EASED = {
    "deployments": "make deployments quicker", "languages": "make do with fewer languages",
    "scaling": "make the uneven part cheaper", "latency": "get a larger latency budget or quicker calls",
    "availability": "make each deployable more available", "owners": "get more people",
}
"""What removes each reason and each limit."""
LIMITS = (
    "Percentiles of calls in a row do not simply add; adding them, as here, is on the safe side. "
    "`msforge simulate` says what a described system does.",
    "Deployables are taken to fail on their own, and every one that is needed to be in series: no fallback, no cache.",
    "What is assumed is in the table above; the advice is as good as these numbers.",
    "Not counted: data that has to be divided and kept consistent, security between parts, what people know "
    "and like, how well the code is divided now. A network between badly cut parts makes them harder to mend.",
)
READ = (
    "Brooks, The Mythical Man-Month (1975) · Conway, How Do Committees Invent? (1968) · Fowler, MonolithFirst and "
    "MicroservicePremium (2015) · Newman, Monolith to Microservices (2019)"
)


def advice_page(advice: Advice, width: int) -> Iterator[RenderableType]:
    """The parts of the page for a console of `width` columns."""
    yield _headline(advice)
    yield Text()
    yield bullets(_words(advice))
    yield heading("What asks for more deployables")
    yield from _comparisons(advice.asks, "at least", advice.wanted, width)
    yield heading("How many can be borne")
    yield from _comparisons(advice.allows, "at most", advice.limit, width)
    yield from _plan(advice, width)
    yield from _changes(advice)
    yield heading("The numbers it rests on")
    yield _numbers(advice)
    yield heading("Its limits")
    yield indented(bullets(LIMITS))
    yield heading("To read")
    yield indented(Text(READ))


def _headline(advice: Advice) -> Text:
    yes = advice.deployables > 1
    many = plural(advice.deployables, "deployable")
    return Text.assemble(
        "Is it time for microservices? ", ("Yes" if advice.deployables > FEW else "In part" if yes else "No", "bold"),
        ": ", (advice.style, "bold"), f" ({many}).",
    )


def _words(advice: Advice) -> Iterator[str]:
    situation = advice.situation
    if advice.wanted == 1:
        yield "No number here asks for more than one deployable: begin with one (MonolithFirst, Fowler 2015)."
    else:
        names = " and ".join(one.name for one in advice.asks if one.deployables == advice.wanted)
        yield f"{plural(advice.wanted, 'deployable')} are asked for, by {names}."
    if advice.conflict is not None:
        wanting, holding = advice.conflict
        names = " and ".join(one.name for one in holding)
        ways = " and ".join(EASED[one.name] for one in wanting), " and ".join(EASED[one.name] for one in holding)
        yield (f"But {names} {'allows' if len(holding) == 1 else 'allow'} only {advice.limit}. First {ways[0]}, "
               f"or {ways[1]}.")
    yield talk(situation) + "."
    if situation.services > 1:
        yield _planned(advice)


def _planned(advice: Advice) -> str:
    broken = [one.name for one in plan(advice.situation) if one.holds is False]
    many = plural(advice.situation.services, "service")
    if broken:
        return f"The plan of {many} does not hold: {', '.join(broken)}."
    if advice.situation.services > advice.deployables:
        return f"The plan of {many} holds, but the numbers give no reason for more than {advice.deployables}."
    return f"The plan of {many} holds."


def _comparisons(
    rows: Sequence[Comparison], word: str, decisive: int | None, width: int
) -> Iterator[RenderableType]:
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True, width=12)
    made.add_column(no_wrap=True, width=12)
    made.add_column(overflow="fold", width=max(width - 30, 30))
    for one in rows:
        many = "no limit" if one.deployables is None else f"{word} {one.deployables:,}"
        style = "bold" if one.deployables == decisive and one.deployables != 1 else ""
        words = Text(clean(one.numbers))
        kind = "rule of thumb" if one.rule_of_thumb else "formula"
        words.append(f"\n{kind}: {one.source}", style="dim")
        made.add_row(one.name, Text(many, style=style), words)
    yield indented(made)


def _plan(advice: Advice, width: int) -> Iterator[RenderableType]:
    rows = [
        (one.name, number(one.one), number(one.planned, alarm=one.holds is False),
         "" if one.holds is None else "holds" if one.holds else "too much" if one.name != "availability" else "too low")
        for one in plan(advice.situation)
    ]
    if rows:
        yield heading(f"The plan of {plural(advice.situation.services, 'service')} beside one program")
        yield table(("", "one program", "the plan", ""), rows, width)


def _changes(advice: Advice) -> Iterator[RenderableType]:
    found = changes(advice)
    yield heading("What would change it, each alone")
    if not found:
        yield indented(Text("no single number, within a hundredth and a hundred times its value"))
        return
    lines = [f"{WORDS[one.name]} {one.value} or {'more' if one.above else 'less'}: "
             f"{one.style} ({one.deployables})" for one in found]
    yield indented(bullets(lines))


def _numbers(advice: Advice) -> RenderableType:
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True, style="bold", width=14)
    made.add_column(no_wrap=True, justify="right", width=10)
    made.add_column(overflow="fold", width=48)
    for name, one in advice.to_dict()["numbers"].items():
        made.add_row(name, Text(str(one["value"])), _origin(one))
    return indented(made)


def _origin(one: dict[str, Any]) -> Text:
    if one["from"]:
        return Text(clean(one["from"]))
    return Text(one["assumed_because"], style="dim")
