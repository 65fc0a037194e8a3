"""Worst cases by hand: time by timeouts, tries by retries."""

from __future__ import annotations

import math

import pytest

from msforge.analysis import explain
from msforge.analysis.worst import Amplification, WorstTime, backoffs
from msforge.model.plan import Retry, System
from tests.analysis.support import system_of

MS = 1_000_000


def retry(attempts: int, jitter: str = "none", most: int = -1) -> Retry:
    return Retry(attempts, 100 * MS, 2.0, most, jitter, ())


def test_backoffs_add_up_at_their_longest() -> None:
    assert backoffs(retry(4), 3) == (100 + 200 + 400) * MS
    assert backoffs(retry(4, "full"), 3) == (100 + 200 + 400) * MS
    assert backoffs(retry(4, most=150 * MS), 3) == (100 + 150 + 150) * MS
    assert backoffs(retry(4, "decorrelated"), 2) == (300 + 900) * MS
    assert backoffs(retry(3), 0) == 0


CHAIN = """\
msforge: 1
name: chain
services:
  a: {{endpoints: {{go: {{steps: [work: 2ms, {{call: b.go{a}}}]}}}}}}
  b: {{endpoints: {{go: {{steps: [{{call: c.go{b}}}]}}}}}}
  c: {{endpoints: {{go: {{steps: [wait: exponential(5ms)]}}}}}}
traffic: {{t: {{target: a.go, rate: 1/s{client}}}}}
simulation: {{duration: 60s}}
"""


def chain(a: str = "", b: str = "", client: str = "") -> System:
    return system_of(CHAIN.format(a=a, b=b, client=client))


def test_a_callers_limits_bound_what_it_takes_whatever_happens_below() -> None:
    system = chain(a=", timeout: 300ms, retry: {attempts: 3, backoff: 100ms, factor: 2}")
    worst = explain(system).entries[0].worst
    assert worst.time == (2 + 3 * 300 + 100 + 200) * MS
    assert worst.because == "most of it: a.go -> b.go"


def test_a_deadline_caps_it() -> None:
    system = chain(a=", timeout: 300ms, deadline: 500ms, retry: {attempts: 3, backoff: 100ms}")
    assert explain(system).entries[0].worst.time == (2 + 500) * MS


def test_without_a_timeout_there_is_no_bound_and_the_call_is_named() -> None:
    found = explain(chain(b=", timeout: 1s")).entries[0]
    assert found.worst.time is None
    assert found.worst.because == "a.go -> b.go has no timeout"
    assert found.client_worst.time is None
    client = explain(chain(client=", timeout: 2s")).entries[0].client_worst
    assert client.time == 2000 * MS


def test_lint_counts_timeouts_below_and_means_where_there_are_none() -> None:
    system = chain(b=", timeout: 200ms, retry: {attempts: 2, backoff: 50ms}")
    bound = WorstTime(system, strict=False).body(1)
    assert bound.time == (2 * 200 + 50) * MS and bound.timed
    assert WorstTime(system, strict=False).body(2).time == pytest.approx(5 * MS)


def tries(steps: str, at: str = "c.go") -> tuple[float, bool]:
    system = system_of(f"""\
msforge: 1
name: tries
services:
  a: {{endpoints: {{go: {{steps: [{steps}]}}}}}}
  b: {{endpoints: {{go: {{steps: [{{call: c.go, timeout: 1s, retry: {{attempts: 2, backoff: 1ms}}}}]}}}}}}
  c: {{endpoints: {{go: {{steps: [work: 1ms]}}}}}}
traffic: {{t: {{target: a.go, rate: 1/s}}}}
simulation: {{duration: 60s}}
""")
    target = next(b.index for b in system.bodies if system.body_name(b.index) == at)
    return Amplification(system, target).body(0)


CALL_C = "{call: c.go, timeout: 1s}"
THRICE = "{call: b.go, timeout: 1s, retry: {attempts: 3, backoff: 1ms}}"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (CALL_C, (1, True)),
        (f"{CALL_C}, {CALL_C}", (1, True)),                                        # the first failure ends it
        (THRICE, (6, True)),
        ("{call: c.go, timeout: 1s, fallback: {steps: []}}, " + CALL_C, (2, True)),  # a fallback goes on
        (f"{{parallel: [{CALL_C}, {CALL_C}]}}", (2, True)),
        (f"{{parallel: [{CALL_C}, {{work: 1ms}}], need: any}}", (1, False)),
        (f"{{parallel: 4, steps: [{CALL_C}]}}", (4, True)),
        (f"{{repeat: 5, steps: [{CALL_C}]}}", (1, True)),
        (f"{{choose: [{{weight: 1, steps: [{THRICE}]}}, {{weight: 9, steps: [{CALL_C}]}}]}}", (6, True)),
        ("{call: c.go, timeout: 1s, retry: {attempts: unlimited, backoff: 1ms}}", (math.inf, True)),
    ],
)
def test_tries_at_an_endpoint_that_always_fails(steps: str, expected: tuple[float, bool]) -> None:
    assert tries(steps) == expected


def test_redeliveries_count_as_tries() -> None:
    system = system_of("""\
msforge: 1
name: messages
services:
  a: {endpoints: {go: {steps: [publish: news]}}}
  b:
    consumers:
      read: {from: news, retry: {attempts: 5, backoff: 1s}, steps: [{call: c.go, timeout: 1s, retry: {attempts: 2}}]}
  c: {endpoints: {go: {steps: [work: 1ms]}}}
channels: {news: {dead_letter: old}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 60s}
""")
    rows = {a.endpoint: (a.tries, a.message) for a in explain(system).entries[0].amplified}
    assert rows == {"b.read": (5, True), "c.go": (10, False)}
