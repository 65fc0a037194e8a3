"""The story: on records written down by hand, whose one cause is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from msforge.model.plan import Fault, System
from msforge.records import SECOND, Outcome
from msforge.results import summarise
from msforge.results.result import Story
from msforge.results.words import digits, duration, listed, percent, when
from tests.results.handmade import MS, Book, shop

HOT = range(40, 60)
Spoil = Callable[[Book, int, int], None]


def calm(book: Book, number: int, at: int) -> None:
    """A request as it should be: 2 ms at web, 10 to 14 ms of own time at pay."""
    took = (10 + number % 5) * MS
    book.serve(1, at, at + 2 * MS, at + 2 * MS + took, own=took)
    book.serve(0, at, at, at + 2 * MS + took, own=2 * MS)
    book.tries.append((0, at + 2 * MS, False))
    book.root(at, at + 2 * MS + took, own=2 * MS)


def run(spoil: Spoil | None, system: System | None = None) -> Book:
    """100 s at 20 requests a second; `spoil` writes those of the hot seconds instead."""
    book = Book(system or shop(), 130)
    for number in range(2000):
        at = number * SECOND // 20
        (spoil if spoil is not None and at // SECOND in HOT else calm)(book, number, at)
    return book


def story(spoil: Spoil | None, system: System | None = None) -> Story:
    book = run(spoil, system)
    return summarise(book.system, [book.records()]).story


def slow(book: Book, number: int, at: int) -> None:
    book.serve(1, at, at + 2 * MS, at + 122 * MS, own=120 * MS)
    book.serve(0, at, at, at + 122 * MS, own=2 * MS)
    book.tries.append((0, at + 2 * MS, False))
    book.root(at, at + 122 * MS, own=2 * MS)


def failing(book: Book, number: int, at: int) -> None:
    bad = number % 3 == 0
    outcome = Outcome.ERROR if bad else Outcome.OK
    book.serve(1, at, at + 2 * MS, at + 14 * MS, own=12 * MS, outcome=outcome)
    book.serve(0, at, at, at + 14 * MS, own=2 * MS, outcome=outcome)
    book.tries.append((0, at + 2 * MS, bad))
    book.root(at, at + 14 * MS, outcome, own=2 * MS)
    if bad:
        book.causes[0, 16 + int(Outcome.ERROR)] = book.causes.get((0, 16 + int(Outcome.ERROR)), 0) + 1


def cut(book: Book, number: int, at: int) -> None:
    """What web sends to pay never arrives: web's calls time out after 300 ms."""
    book.serve(0, at, at, at + 302 * MS, own=2 * MS, outcome=Outcome.ERROR)
    book.tries.append((0, at + 2 * MS, True))
    book.root(at, at + 302 * MS, Outcome.ERROR, own=2 * MS)


def delayed(book: Book, number: int, at: int) -> None:
    took = (10 + number % 5) * MS
    book.serve(1, at, at + 52 * MS, at + 52 * MS + took, own=took)
    book.serve(0, at, at, at + 102 * MS + took, own=2 * MS, network=100 * MS)
    book.tries.append((0, at + 2 * MS, False))
    book.root(at, at + 102 * MS + took, own=2 * MS, network=100 * MS)


def test_a_healthy_run_blames_nobody_and_names_the_busiest() -> None:
    found = story(None)
    assert found.healthy and found.decided and found.suspects == []
    assert found.headline == (
        "Nothing stands out: no service, store or link left its ordinary course; "
        "the busiest is web, at 7 % of its threads."
    )


def test_the_slow_service_is_named_with_its_times_and_not_its_caller() -> None:
    found = story(slow)
    suspect = found.suspects[0]
    assert (suspect.name, suspect.kind, suspect.symptom) == ("pay", "service", "slow")
    assert not found.healthy and found.decided
    assert [s.service for s in found.suspects] == ["pay"]
    assert suspect.begin == pytest.approx(40 * SECOND, abs=2 * SECOND)
    assert suspect.end == pytest.approx(60 * SECOND, abs=2 * SECOND)
    said = suspect.evidence[0].text
    assert said.startswith("pay was slow from 40 s to 60 s: 120 ms of its own time per request, 10x the usual")
    assert suspect.spread[-1].text == "users -> web.buy: answers took 122 ms on average (14 ms before)"
    assert found.headline.startswith("pay was slow from 40 s to 60 s")
    assert any(text.startswith("a timeout on web.buy -> pay.charge") for text in suspect.advice)


def test_errors_are_put_down_to_where_they_arise() -> None:
    suspect, *others = story(failing).suspects
    assert (suspect.name, suspect.symptom, others) == ("pay", "failing", [])
    assert suspect.evidence[0].text.startswith("pay failed 3")
    said = " ".join(evidence.text for evidence in suspect.spread)
    assert "users -> web.buy: 3" in said and "most because of `pay: error`" in said
    assert any("fallback on web.buy -> pay.charge" in text for text in suspect.advice)


def test_what_never_arrives_is_put_down_to_the_link() -> None:
    suspect = story(cut).suspects[0]
    assert (suspect.name, suspect.kind, suspect.symptom) == ("web -> pay", "link", "unreachable")
    assert suspect.service == "pay"
    assert "100 % of the tries sent to pay (400 tries, most of them by web) never arrived" in suspect.evidence[0].text
    assert "though pay was up" in suspect.evidence[0].text


def test_a_slow_network_is_told_from_a_slow_service() -> None:
    suspect = story(delayed).suspects[0]
    assert (suspect.name, suspect.kind, suspect.symptom) == ("web -> pay", "link", "delayed")
    said = suspect.evidence[0].text
    assert said.startswith("the network between web and pay took 100 ms a request from 40 s to 60 s")


def test_the_blame_does_not_come_from_the_list_of_faults() -> None:
    """Whatever the description says about faults, the story is the same: it is read from what was measured."""
    lie = Fault(0, "slow web#0", "faults[0]", "slow", 40 * SECOND, None, None, service=0, factor=10.0, label="web slow")
    told = story(slow, dataclasses.replace(shop(), faults=(lie,)))
    assert told == story(slow)
    assert told.suspects[0].name == "pay"


def test_failures_spread_evenly_are_admitted_not_blamed() -> None:
    """2 % of the roots fail at the door from first to last: no place left its ordinary course."""
    book = Book(shop(), 130)
    for number in range(2000):
        at = number * SECOND // 20
        if number % 50 == 0:
            book.root(at, at + MS, Outcome.TIMEOUT)
        else:
            calm(book, number, at)
    found = summarise(book.system, [book.records()]).story
    assert (found.healthy, found.decided, found.suspects) == (False, False, [])
    assert found.headline.startswith("users -> web.buy failed 2 % of its requests, most with `timeout`")
    assert "the evidence does not decide" in found.headline


def test_two_suspects_of_equal_weight_leave_it_open() -> None:
    """web and pay both take 60 ms longer: the story names both and says that it can't decide."""

    def both(book: Book, number: int, at: int) -> None:
        book.serve(1, at, at + 62 * MS, at + 134 * MS, own=72 * MS)
        book.serve(0, at, at, at + 134 * MS, own=62 * MS)
        book.tries.append((0, at + 62 * MS, False))
        book.root(at, at + 134 * MS, own=62 * MS)

    found = story(both)
    assert not found.decided
    assert found.headline.startswith("The evidence does not decide between ")
    assert {suspect.name for suspect in found.suspects} == {"web", "pay"}


def test_too_short_a_run_says_so() -> None:
    book = Book(shop(duration=3 * SECOND), 33)
    calm(book, 0, 0)
    found = summarise(book.system, [book.records()]).story
    assert found.headline == "Too little was measured to say where it hurts." and not found.healthy


def test_a_window_tells_its_own_story() -> None:
    book = run(slow)
    part = summarise(book.system, [book.records()], (0, 38 * SECOND)).story
    assert part.healthy


def test_numbers_in_words() -> None:
    times = (250 * MS, 1_234 * MS, 61_000 * MS, 90_000, 7)
    assert [duration(ns) for ns in times] == ["250 ms", "1.2 s", "61 s", "90 µs", "7 ns"]
    assert [digits(x) for x in (0.0123, 1.0, 1.25, 48.4, 1234.0)] == ["0.012", "1", "1.2", "48", "1,234"]
    assert [percent(x) for x in (0.31, 0.004, 1.0)] == ["31 %", "0.4 %", "100 %"]
    assert when(60 * SECOND, 80 * SECOND) == "from 60 s to 80 s" and when(None, None) == "all along"
    assert when(60 * SECOND, None) == "from 60 s to the end" and when(None, SECOND) == "until 1 s"
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
