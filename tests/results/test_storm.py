"""Recovery after a fault: the definition, on courses written down by hand."""

from __future__ import annotations

import pytest

from msforge.recording.records import Happening
from msforge.records import SECOND, Outcome
from msforge.results import summarise
from msforge.results.result import Recovery
from tests.results.handmade import MS, Book, shop


def recovery(*, slow_until: int = 40, failing_until: int = 0, begin: int = 30, end: int | None = 40) -> Recovery | None:
    """10/s at 20 ms give or take; 200 ms from the fault's begin to `slow_until`, failures up to `failing_until`."""
    book = Book(shop(), 130)
    for n in range(1000):
        at = n * SECOND // 10
        second = at // SECOND
        took = 200 * MS if begin <= second < slow_until else (18 + n % 5) * MS
        book.root(at, at + took, Outcome.TIMEOUT if begin <= second < failing_until else Outcome.OK)
    book.happenings = [Happening(begin * SECOND, "fault_begin", "pay 10x slower")]
    if end is not None:
        book.happenings.append(Happening(end * SECOND, "fault_end", "pay 10x slower"))
    return next(iter(summarise(book.system, [book.records()]).storm.recoveries), None)


def test_back_at_once() -> None:
    found = recovery()
    assert found is not None
    assert (found.recovered, found.text, found.cleared) == (0, "back at once", 40 * SECOND)
    assert (found.entry, found.label) == ("users -> web.buy", "pay 10x slower")


def test_latency_that_stays_high_counts_as_not_yet_recovered() -> None:
    found = recovery(slow_until=55)
    assert found is not None and found.recovered is not None
    assert found.recovered == pytest.approx(15 * SECOND, abs=1 * SECOND)
    assert found.text == f"recovered {found.recovered // SECOND} s after"


def test_failures_alone_count_too() -> None:
    found = recovery(slow_until=30, failing_until=52)
    assert found is not None and found.recovered == pytest.approx(12 * SECOND, abs=1 * SECOND)


def test_not_recovered_is_an_answer() -> None:
    found = recovery(slow_until=100)
    assert found is not None and (found.recovered, found.text) == (None, "not recovered")


def test_a_fault_that_never_ends_is_not_asked_about() -> None:
    assert recovery(end=None) is None


def test_where_too_little_was_measured_it_is_said() -> None:
    before, after = recovery(begin=2, end=10, slow_until=10), recovery(begin=80, end=98, slow_until=98)
    assert before is not None and before.text == "can't be said: too little was measured before the fault"
    assert after is not None and after.text == "can't be said: too little was measured after the fault"
