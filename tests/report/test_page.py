"""The page's document: numbers per second, joined points, shares that are none of nothing, names made harmless."""

from __future__ import annotations

import json
from typing import Any

import pytest

import msforge
from msforge.report.page.load import rows
from msforge.report.page.marks import marks
from msforge.report.page.over_time import POINTS, Clock, time_of
from msforge.report.page.run import run_document
from msforge.report.page.sheets import sheet, short
from msforge.report.page.traces import traces
from msforge.report.page.verdict import verdict
from msforge.results import Result
from msforge.results.figures import Latency, Measured, Traffic
from msforge.results.replicas import replica_courses
from msforge.results.result import BreakerChange, FaultWindow, ObjectiveResult, Series, Trace
from msforge.spec import load_text
from msforge.testing import blank, blank_result

SECOND = 10**9


def lasting(buckets: int, **values: Any) -> Result:
    """A run of so many buckets of a second in which nothing happened but `values`."""
    return blank_result(series=blank(Series, begin=0, width=SECOND, buckets=buckets), **values)


def test_long_series_are_joined_and_nothing_is_lost() -> None:
    clock = Clock(lasting(POINTS * 3 - 1))
    assert (clock.step, clock.points, clock.width) == (3, POINTS, 3 * SECOND)
    counts: list[float | None] = [float(i) for i in range(POINTS * 3 - 1)]
    assert clock.rate(counts)[0] == (0 + 1 + 2) / 3
    assert clock.most([1.0, None, 5.0, None, None, None])[:2] == [5, None]
    assert clock.share([1, 0, 0, 0], [2, 2, 0, 0]) == [0.25, None]


def test_a_share_is_at_most_all() -> None:
    assert Clock(lasting(3)).share([5, 1, 0], [4, 2, 0]) == [1, 0.5, None]


def test_numbers_are_short_and_finite() -> None:
    assert [short(v) for v in (1234567.0, 0.12345678, 3.0, None, float("nan"), float("inf"))] == [
        1234570, 0.123457, 3, None, None, None,
    ]


def test_faults_are_those_of_the_first_replication_that_the_axis_shows() -> None:
    def fault(begin: int, end: int | None, replication: int = 0) -> FaultWindow:
        return blank(FaultWindow, label=f"at {begin}", begin=begin * SECOND, end=end and end * SECOND,
                     replication=replication)

    result = lasting(100, faults=[fault(10, 20), fault(50, None), fault(120, 130), fault(11, 21, replication=1)])
    found = time_of(result, Clock(result))["faults"]
    assert [(f["label"], f["end"] // SECOND, f["open"]) for f in found] == [("at 10", 20, False), ("at 50", 100, True)]


def test_breakers_lanes_hold_every_time_that_they_were_not_closed() -> None:
    changes = [("closed", "open", 10), ("open", "half-open", 15), ("half-open", "open", 16)]
    result = lasting(30, breakers=[
        blank(BreakerChange, breaker="a -> b", time=t * SECOND, before=before, after=after)
        for before, after, t in changes
    ])
    (lane,) = marks(result, Clock(result))["breakers"]
    assert [(s["state"], s["begin"] // SECOND, s["end"] // SECOND) for s in lane["spans"]] == [
        ("open", 10, 15), ("half-open", 15, 16), ("open", 16, 30),
    ]


def test_waterfalls_go_from_slow_to_fast_then_failed_each_as_a_tree() -> None:
    def span(number: int, span: int, parent: int, begin: int, end: int, outcome: str = "ok") -> Trace:
        return blank(Trace, number=number, span=span, parent=parent, begin=begin, end=end, outcome=outcome,
                     kind="queue" if span == 3 else "serve", name="shop.buy", source="people")

    found = traces(blank_result(traces=[
        span(1, 0, -1, 0, 10), span(2, 2, 1, 5, 9), span(2, 0, -1, 0, 30), span(2, 1, 0, 1, 29), span(2, 3, 1, 2, 4),
        span(3, 0, -1, 0, 99, "timeout"), span(4, 7, 6, 0, 5),
    ]))
    assert [t["title"] for t in found] == ["slowest of shop.buy", "median of shop.buy", "timeout at shop.buy"]
    assert [(r["depth"], r["begin"], r["waiting"]) for r in found[0]["rows"]] == [
        (0, 0, False), (1, 1, False), (2, 2, True), (2, 5, False),
    ]


def test_a_journey_is_shown_request_by_request_and_the_median_is_the_one_next_to_it() -> None:
    def span(number: int, span: int, parent: int, begin: int, end: int, name: str) -> Trace:
        return blank(Trace, number=number, span=span, parent=parent, begin=begin, end=end, name=name, source="people",
                     outcome="ok", kind="client" if parent < 0 else "serve")

    entry = blank(Traffic, name="people -> shop.look", answered=blank(Latency, p50=Measured(5.0)))
    found = traces(blank_result(entries=[entry], traces=[
        span(1, 0, -1, 0, 8, "shop.look"), span(1, 1, 0, 1, 7, "shop.look"),
        span(1, 0, -1, 20, 60, "shop.pay"), span(1, 2, 0, 21, 59, "shop.pay"), span(1, 3, 2, 22, 30, "bank.charge"),
        span(2, 0, -1, 0, 30, "shop.look"), span(3, 0, -1, 0, 5, "shop.look"),
    ]))
    assert [(t["title"], t["answer"], [row["name"] for row in t["rows"]]) for t in found] == [
        ("slowest of shop.pay", 40, ["client, shop.pay", "shop.pay", "bank.charge"]),
        ("slowest of shop.look", 30, ["client, shop.look"]), ("median of shop.look", 5, ["client, shop.look"]),
    ]


def test_of_a_random_sample_no_request_is_called_slowest_or_median() -> None:
    sample = [blank(Trace, number=n, span=1, parent=-1, begin=0, end=n * 10**6, name="shop.buy", source="people",
                    outcome="ok" if n % 2 else "timeout", sampled=0.5) for n in range(1, 101)]
    found = traces(blank_result(traces=sample))
    assert [t["title"] for t in found[:2]] == ["99.0ms at shop.buy", "97.0ms at shop.buy"]
    assert [t["outcome"] for t in found] == ["ok"] * 10 + ["timeout"] * 10


@pytest.mark.parametrize(
    ("unit", "less", "limit", "value"),
    [("ns", True, 8e8, 2e8), ("ns", True, 1e8, 2e8), ("ratio", False, 0.99, 0.75), ("ratio", False, 0.99, 1.0),
     ("per_second", False, 100.0, 0.0)],
)
def test_an_objectives_bar_has_value_and_limit_in_their_order(
    unit: str, less: bool, limit: float, value: float
) -> None:
    objective = blank(ObjectiveResult, unit=unit, less=less, limit=limit, measured=Measured(value, value, value))
    bar = verdict(blank_result(objectives=[objective]))["objectives"][0]["bar"]
    assert 0 <= bar["value"] <= 1 and 0 <= bar["limit"] <= 1
    assert (bar["value"] < bar["limit"]) == (value < limit)


def test_names_are_made_harmless() -> None:
    assert sheet("a", ("",), [("\x1b[2Jhidden\u202e",)])["rows"] == [["\\x1b[2Jhidden\\u202e"]]


def test_each_replica_has_its_course_and_together_they_are_the_service() -> None:
    spec = "msforge: 1\nname: two\n"
    spec += "services: {shop: {replicas: 2, threads: 2, endpoints: {buy: {steps: [wait: 20ms]}}}}\n"
    spec += "traffic: {people: {target: shop.buy, rate: 80/s, for: 8s}}\n"
    spec += "simulation: {warmup: 0s, duration: 8s, replications: 1}\n"
    result = msforge.simulate(load_text(spec), processes=1)
    one, other = replica_courses(result)
    assert (one.name, other.name) == ("shop#0", "shop#1") or (one.name, other.name) == ("shop#1", "shop#2")
    whole = result.series.services[0]
    for a, b, both in zip(one.utilisation, other.utilisation, whole.utilisation, strict=True):
        assert a is not None and b is not None and both is not None
        assert (a + b) / 2 == pytest.approx(both)
    for a, b, both in zip(one.waiting, other.waiting, whole.waiting, strict=True):
        assert a + b == pytest.approx(both)
    (row,) = rows(result, Clock(result))
    assert len(row["parts"]) == 2
    result.data = None
    assert replica_courses(result) == [] and rows(result, Clock(result))[0]["parts"] == []
    json.dumps(run_document(result, ""), allow_nan=False)
