"""Sheets: the same draws as streams give, whatever the order in which rows are asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.model.plan import Step, Verb
from msforge.policies.distributions import Dist
from msforge.sim.sheet import Sheet
from msforge.sim.streams import Pool, Site, context_of

EXPONENTIAL, LOGNORMAL = Dist("exponential", (2e6,)), Dist("lognormal", (14.0, 1.0))
CONSTANT = Dist("constant", (1e6,))


def step(word: str, dist: Dist) -> Step:
    return Step(index=0, verb=Verb.WAIT, word=word, path="", service=0, body=0, dist=dist)


COLUMNS = (
    [step("wait", EXPONENTIAL)], [step("wait", LOGNORMAL), step("wait 2", CONSTANT), step("wait 3", LOGNORMAL)],
    [step("work", CONSTANT)], [step("work", EXPONENTIAL), step("work 2", EXPONENTIAL)],
)


def expected(site: Site, number: int, contexts: list[int]) -> list[int]:
    """A row by streams, and at its end the sum of its first two columns."""
    row = []
    for column, steps in enumerate(COLUMNS):
        inside = site.sub(column, f"call {column}")
        row.append(sum(
            inside.draw(slot, s.word, "time", s.dist, number, contexts[column])
            for slot, s in enumerate(steps)))
    return [*row, row[0] + row[1]]


def sheet_of(site: Site) -> Sheet:
    sheet = Sheet(Pool())
    for column, steps in enumerate(COLUMNS):
        assert sheet.column(steps, site.sub(column, f"call {column}"), column) == column
    assert sheet.sum_of([]) == -1 and sheet.sum_of([2]) == 2
    assert sheet.sum_of([0, 1]) == len(COLUMNS)
    return sheet


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=30))
def test_rows_are_those_of_streams(numbers: list[int]) -> None:
    site = Site(Pool(), 7)
    sheet = sheet_of(site)
    for number in numbers:
        assert sheet.row(number, 0) == expected(site, number, [0] * len(COLUMNS))


def test_rows_in_order() -> None:
    site = Site(Pool(), 9)
    sheet = sheet_of(site)
    for number in range(1000):
        assert sheet.row(number, 0) == expected(site, number, [0] * len(COLUMNS))
        assert sheet.row(max(0, number - 5), 0) == expected(site, max(0, number - 5), [0] * len(COLUMNS))


def test_rows_in_another_context_go_down_with_the_calls() -> None:
    site = Site(Pool(), 11)
    sheet = sheet_of(site)
    context = context_of(0, 2, 1)
    contexts = [context]
    while len(contexts) < len(COLUMNS):
        contexts.append(context_of(contexts[-1], 0, 0))
    assert sheet.row(5, context) == expected(site, 5, contexts)
