"""Objectives: what is measured, against what, and how sure the verdict is."""

from __future__ import annotations

import dataclasses

import pytest

from msforge.records import SECOND, Outcome
from msforge.results import summarise
from msforge.results.result import ObjectiveResult
from tests.results.handmade import MS, Book, objective, shop


def judged(*, metric: str, limit: float, less: bool = True, body: int = 0, strict: bool = True) -> ObjectiveResult:
    """100 answers at the root of 1 to 100 ms, 10 failures, 5 rejections; pay serves each in 3 ms."""
    text = f"{metric} {'<' if less else '>'} {limit}"
    wanted = dataclasses.replace(objective(text, metric, limit, less=less, body=body), strict=strict)
    book = Book(shop((wanted,)), 130)
    for n in range(115):
        at = n * SECOND * 100 // 115
        outcome = Outcome.OK if n < 100 else Outcome.ERROR if n < 110 else Outcome.REJECTED
        book.root(at, at + (n % 100 + 1) * MS, outcome)
        book.serve(1, at, at, at + 3 * MS)
    (found,) = summarise(book.system, [book.records()]).objectives
    return found


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("mean", 50.5 * MS), ("p50", 50 * MS), ("p90", 90 * MS), ("p95", 95 * MS), ("p99", 99 * MS),
        ("p99.9", 100 * MS), ("max", 100 * MS), ("success", 100 / 115), ("error_rate", 15 / 115),
        ("availability", 105 / 115), ("throughput", 1.0),
    ],
)
def test_every_metric_is_measured_as_defined(metric: str, value: float) -> None:
    assert judged(metric=metric, limit=1.0).measured.value == pytest.approx(value)


def test_the_verdict_follows_the_point_value_and_the_interval_says_how_sure() -> None:
    sure = judged(metric="mean", limit=200.0 * MS)
    assert (sure.met, sure.verdict) == (True, "yes")
    missed = judged(metric="mean", limit=1.0 * MS)
    assert (missed.met, missed.verdict) == (False, "no")
    close = judged(metric="mean", limit=50.6 * MS)
    assert (close.met, close.verdict) == (True, "unsure")
    assert judged(metric="mean", limit=50.4 * MS).met is False


def test_strict_and_loose_limits() -> None:
    assert judged(metric="max", limit=100.0 * MS).met is False
    assert judged(metric="max", limit=100.0 * MS, strict=False).met is True
    assert judged(metric="success", limit=100 / 115, less=False).met is False
    assert judged(metric="success", limit=100 / 115, less=False, strict=False).met is True


def test_a_body_that_no_client_calls_is_judged_as_its_service_saw_it() -> None:
    found = judged(metric="p99", limit=5.0 * MS, body=1)
    assert found.subject == "pay.charge"
    assert found.measured.value == pytest.approx(3 * MS, rel=0.004)
    assert found.met


def test_a_limit_puts_the_share_above_it_into_the_table() -> None:
    wanted = objective("p90 < 80ms", "p90", 80.0 * MS)
    book = Book(shop((wanted,)), 130)
    for n in range(100):
        book.root(n * SECOND, n * SECOND + (n + 1) * MS)
    (above,) = summarise(book.system, [book.records()]).entries[0].answered.above
    assert (above.limit, above.share.value) == (80.0 * MS, pytest.approx(0.2))
