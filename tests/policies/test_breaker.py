"""The circuit breaker, rule by rule, and against a model that keeps every call in a list."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies.breaker import CLOSED, HALF_OPEN, OPEN, CircuitBreaker

S = 1_000_000_000
NEVER_BY_RATE = 2.0


def breaker(**changes: Any) -> CircuitBreaker:
    settings_: dict[str, Any] = {
        "failure_rate": 0.5, "consecutive": 0, "slow_rate": NEVER_BY_RATE, "slow_duration": S, "window": 4,
        "timed": False, "minimum_calls": 4, "open_for": 5 * S, "trial_calls": 2,
    }  # fmt: skip
    return CircuitBreaker(**(settings_ | changes))


def run(b: CircuitBreaker, results: str, now: int = 0, step: int = 0) -> None:
    """One call after another: `.` well, `x` failed, `s` slow, `b` both."""
    for result in results:
        ticket = b.allow(now)
        assert ticket >= 0
        b.record(ticket, now, result in "xb", 2 * S if result in "sb" else 0)
        now += step


@pytest.mark.parametrize(
    ("results", "state"),
    [("xxx", CLOSED), ("xx..", OPEN), ("x...", CLOSED), ("....xx", OPEN), ("xxxx", OPEN), ("x...x..", CLOSED),
     ("x..x", OPEN), ("x...xx", OPEN), ("...x....x", CLOSED)],
)  # fmt: skip
def test_opens_at_the_failure_rate_over_the_last_calls(results: str, state: int) -> None:
    b = breaker()
    run(b, results)
    assert b.state == state


@pytest.mark.parametrize(("rate", "failures", "opens"), [(0.1, 3, True), (0.1, 2, False), (0.29, 9, True),
                                                         (0.29, 8, False), (1.0, 30, True), (1.0, 29, False)])
def test_a_rate_is_met_exactly(rate: float, failures: int, opens: bool) -> None:
    """At 10 % 3 failures of 30 open it; in floating point 0.1 * 30 is above 3."""
    b = breaker(failure_rate=rate, window=30, minimum_calls=30)
    run(b, "." * (30 - failures) + "x" * failures)
    assert (b.state == OPEN) == opens


@pytest.mark.parametrize(("results", "opens"), [("....", False), ("...x", True), ("...s", True)])
def test_a_rate_of_0_needs_one_such_call(results: str, opens: bool) -> None:
    b = breaker(failure_rate=0.0, slow_rate=0.0)
    run(b, results)
    assert (b.state == OPEN) == opens


@pytest.mark.parametrize(("minimum", "results", "opens"), [(3, "xx", False), (3, "xxx", True), (1, "x", True),
                                                           (100, "xxx", False), (100, "xxxx", True)])
def test_needs_minimum_calls_but_never_more_than_the_window_holds(minimum: int, results: str, opens: bool) -> None:
    b = breaker(minimum_calls=minimum)
    run(b, results)
    assert (b.state == OPEN) == opens


@pytest.mark.parametrize(("results", "opens"), [("ssss", True), ("ss..", True), ("s...", False), ("sb.x", True),
                                                ("xxxx", False)])
def test_opens_at_the_slow_call_rate(results: str, opens: bool) -> None:
    b = breaker(failure_rate=NEVER_BY_RATE, slow_rate=0.5)
    run(b, results)
    assert (b.state == OPEN) == opens


def test_a_call_is_slow_when_it_takes_longer_than_the_limit() -> None:
    exactly, longer = (breaker(slow_rate=0.5, window=1, minimum_calls=1) for _ in range(2))
    exactly.record(exactly.allow(0), S, False, S)
    longer.record(longer.allow(0), S + 1, False, S + 1)
    assert (exactly.state, longer.state) == (CLOSED, OPEN)


@pytest.mark.parametrize(("results", "opens"), [("xx", False), ("xxx", True), ("xx.xx", False), ("xx.xxx", True),
                                                ("x.x.x.x.x.x", False)])
def test_consecutive_counts_failures_in_a_row_and_ignores_the_rate(results: str, opens: bool) -> None:
    b = breaker(consecutive=3, failure_rate=0.1, minimum_calls=1)
    run(b, results)
    assert (b.state == OPEN) == opens


def test_consecutive_reopens_when_any_trial_failed() -> None:
    b = breaker(consecutive=2, trial_calls=3)
    run(b, "xx")
    run(b, "..x", 5 * S)
    assert b.state == OPEN
    run(b, "...", 10 * S)
    assert b.state == CLOSED
    run(b, "x", 11 * S)
    assert b.state == CLOSED  # the row started anew


def test_while_open_calls_are_refused_until_open_for_has_passed() -> None:
    b = breaker()
    run(b, "xxxx", now=3 * S)
    assert b.allow(3 * S) == -1
    assert b.allow(8 * S - 1) == -1
    assert b.state == OPEN
    assert b.allow(8 * S) >= 0
    assert b.state == HALF_OPEN


def test_open_for_runs_from_the_reply_that_opened_it_not_from_later_ones() -> None:
    b = breaker()
    tickets = [b.allow(0) for _ in range(6)]
    for i, ticket in enumerate(tickets):
        b.record(ticket, (i + 1) * S, True, 0)
    assert b.log == [(4 * S, CLOSED, OPEN)]
    assert b.allow(9 * S - 1) == -1
    assert b.allow(9 * S) >= 0


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_half_open_admits_exactly_the_trials(trials: int) -> None:
    b = breaker(trial_calls=trials)
    run(b, "xxxx")
    tickets = [b.allow(5 * S) for _ in range(trials)]
    assert -1 not in tickets
    assert b.allow(5 * S) == b.allow(500 * S) == -1
    for ticket in tickets[:-1]:
        b.record(ticket, 6 * S, False, 0)
        assert b.state == HALF_OPEN
        assert b.allow(6 * S) == -1  # a result frees no place
    b.record(tickets[-1], 7 * S, False, 0)
    assert b.state == CLOSED


@pytest.mark.parametrize(("results", "state"), [("....", CLOSED), ("...x", CLOSED), ("x..x", OPEN), ("xx..", OPEN),
                                                ("..ss", OPEN), ("s...", CLOSED)])
def test_trials_are_judged_together_by_the_same_thresholds(results: str, state: int) -> None:
    b = breaker(trial_calls=4, slow_rate=0.5)
    run(b, "xxxx")
    run(b, results, 5 * S)
    assert b.state == state


def test_reopened_by_trials_it_waits_open_for_again_from_the_last_trial() -> None:
    b = breaker()
    run(b, "xxxx")
    first, second = b.allow(5 * S), b.allow(5 * S)
    b.record(second, 6 * S, True, 0)
    b.record(first, 8 * S, False, 0)
    assert b.log[-1] == (8 * S, HALF_OPEN, OPEN)
    assert b.allow(13 * S - 1) == -1
    assert b.allow(13 * S) >= 0


def test_closed_by_trials_it_starts_with_an_empty_window() -> None:
    b = breaker()
    run(b, "xxxx")
    run(b, "..", 5 * S)
    assert b.state == CLOSED
    run(b, "xxx", 6 * S)
    assert b.state == CLOSED  # three of the four calls it needs
    run(b, "x", 6 * S)
    assert b.state == OPEN


def test_a_call_admitted_before_it_opened_counts_for_nothing() -> None:
    b = breaker(trial_calls=1)
    early = [b.allow(0) for _ in range(3)]
    run(b, "xxxx")
    b.record(early[0], S, False, 0)      # while open
    assert b.state == OPEN
    trial = b.allow(5 * S)
    b.record(early[1], 6 * S, False, 0)  # while half-open: neither closes it nor takes the trial's place
    assert b.state == HALF_OPEN
    b.record(trial, 7 * S, False, 0)
    b.record(early[2], 8 * S, True, 0)   # while closed again
    assert b.flat()[-3:] == (0, 0, 0)


def test_cancel_frees_a_trials_place_and_counts_for_nothing() -> None:
    b = breaker(trial_calls=1)
    run(b, "xxxx")
    ticket = b.allow(5 * S)
    assert b.allow(5 * S) == -1
    b.cancel(ticket, 6 * S)
    assert b.state == HALF_OPEN
    again = b.allow(6 * S)
    assert again >= 0
    b.record(again, 6 * S, False, 0)
    assert b.state == CLOSED


def test_cancel_outside_half_open_changes_nothing() -> None:
    b = breaker(trial_calls=1)
    early = b.allow(0)
    before = b.flat()
    b.cancel(b.allow(0), 0)
    assert b.flat() == before
    run(b, "xxxx")
    b.allow(5 * S)
    b.cancel(early, 5 * S)
    assert b.allow(5 * S) == -1


def test_a_time_window_forgets_whole_buckets() -> None:
    b = breaker(window=10 * S, timed=True, minimum_calls=3)
    run(b, "xx", now=0)
    run(b, "x", now=10 * S)  # the bucket of second 0 has just left
    assert b.state == CLOSED
    run(b, "xx", now=10 * S)
    assert b.state == OPEN


@pytest.mark.parametrize(("last", "opens"), [(9 * S, True), (10 * S - 1, True), (10 * S, False), (900 * S, False)])
def test_a_time_window_reaches_back_at_most_its_length(last: int, opens: bool) -> None:
    b = breaker(window=10 * S, timed=True, minimum_calls=3)
    run(b, "xx", now=0)
    run(b, "x", now=last)
    assert (b.state == OPEN) == opens


def test_a_time_windows_minimum_is_not_cut() -> None:
    b = breaker(window=4, timed=True, minimum_calls=100)
    run(b, "x" * 99)
    assert b.state == CLOSED
    run(b, "x")
    assert b.state == OPEN


def test_the_log_has_every_change() -> None:
    b = breaker()
    run(b, "xxxx", now=1)
    run(b, "xx", now=1 + 5 * S)
    run(b, "..", now=1 + 10 * S)
    assert b.log == [
        (1, CLOSED, OPEN), (1 + 5 * S, OPEN, HALF_OPEN), (1 + 5 * S, HALF_OPEN, OPEN),
        (1 + 10 * S, OPEN, HALF_OPEN), (1 + 10 * S, HALF_OPEN, CLOSED),
    ]  # fmt: skip


class Model:
    """The rules again, slowly: every result since the last change of state in a list."""

    def __init__(self, s: dict[str, Any]) -> None:
        self.s, self.state, self.period, self.reopens = s, CLOSED, 0, 0
        self.results: list[tuple[int, bool, bool]] = []
        self.admitted = 0
        self.log: list[tuple[int, int, int]] = []

    def go(self, now: int, state: int) -> None:
        self.log.append((now, self.state, state))
        self.state, self.period, self.results, self.admitted = state, self.period + 1, [], 0
        if state == OPEN:
            self.reopens = now + self.s["open_for"]

    def allow(self, now: int) -> int:
        if self.state == OPEN and now >= self.reopens:
            self.go(now, HALF_OPEN)
        if self.state == OPEN or (self.state == HALF_OPEN and self.admitted >= self.s["trial_calls"]):
            return -1
        self.admitted += 1
        return self.period

    def cancel(self, ticket: int, now: int) -> None:
        if ticket == self.period:
            self.admitted -= 1

    def record(self, ticket: int, now: int, failed: bool, duration: int) -> None:
        s = self.s
        if ticket != self.period:
            return
        self.results.append((now, failed, duration > s["slow_duration"]))
        if self.state == HALF_OPEN:
            if len(self.results) == s["trial_calls"]:
                any_failed = s["consecutive"] and any(f for _, f, _ in self.results)
                self.go(now, OPEN if any_failed or self.bad(self.results) else CLOSED)
            return
        if s["timed"]:
            width = max(1, s["window"] // max(10, -(-s["window"] // S)))
            buckets = max(10, -(-s["window"] // S))
            seen = [r for r in self.results if r[0] // width > now // width - buckets]
            minimum = s["minimum_calls"]
        else:
            seen = self.results[-s["window"] :]
            minimum = min(s["minimum_calls"], s["window"])
        row = s["consecutive"]
        in_a_row = row and len(self.results) >= row and all(f for _, f, _ in self.results[-row:])
        if in_a_row or (len(seen) >= minimum and self.bad(seen)):
            self.go(now, OPEN)

    def bad(self, seen: list[tuple[int, bool, bool]]) -> bool:
        failed = Fraction(sum(f for _, f, _ in seen), len(seen))
        slow = Fraction(sum(s for _, _, s in seen), len(seen))
        by_failures = not self.s["consecutive"] and failed >= Fraction(str(self.s["failure_rate"]))
        return by_failures or slow >= Fraction(str(self.s["slow_rate"]))


SETTINGS = st.fixed_dictionaries({
    "failure_rate": st.sampled_from([0.1, 0.29, 0.5, 1.0, 2.0]),
    "consecutive": st.sampled_from([0, 0, 0, 1, 3]),
    "slow_rate": st.sampled_from([2.0, 0.5, 0.3, 1.0]),
    "slow_duration": st.just(S),
    "window": st.integers(1, 12),
    "timed": st.just(False),
    "minimum_calls": st.integers(1, 15),
    "open_for": st.sampled_from([0, 1, S, 5 * S]),
    "trial_calls": st.integers(1, 4),
})  # fmt: skip
TIMED = st.tuples(SETTINGS, st.sampled_from([7, 500_000_000, 3 * S, 10 * S, 12_500_000_000])).map(
    lambda pair: pair[0] | {"window": pair[1], "timed": True}
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["allow", "allow", "good", "bad", "bad", "slow", "cancel"]),
        st.integers(0, 40),
        st.sampled_from([0, 0, 1, S // 10, S, 3 * S, 30 * S]),
    ),
    max_size=120,
)


@given(st.one_of(SETTINGS, TIMED), STEPS)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_it_does_what_the_model_does(s: dict[str, Any], steps: list[tuple[str, int, int]]) -> None:
    real, model, now = CircuitBreaker(**s), Model(s), 0
    tickets: list[int] = []
    for verb, which, wait in steps:
        now += wait
        if verb == "allow" or not tickets:
            ticket = real.allow(now)
            assert ticket == model.allow(now)
            if ticket >= 0:
                tickets.append(ticket)
            continue
        ticket = tickets.pop(which % len(tickets))
        for machine in (real, model):
            if verb == "cancel":
                machine.cancel(ticket, now)
            else:
                machine.record(ticket, now, verb == "bad", 2 * S if verb == "slow" else 0)
        assert real.state == model.state
    assert real.log == model.log
