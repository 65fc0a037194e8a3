"""A backlog that still grows is said to; one that does not, or was worked off, is not."""

from __future__ import annotations

import numpy as np
import pytest

from msforge.records import SECOND
from msforge.results import summarise
from msforge.results.stability import growth
from tests.results.handmade import MS, Book, shop


def queue(rate: float, capacity: float, seconds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Backlog at the end of each second and arrivals in it, of an M/M/1 queue in steps of 20 ms."""
    came = rng.poisson(rate / 50, size=seconds * 50)
    free = np.cumsum(came - rng.poisson(capacity / 50, size=seconds * 50))
    level = free - np.minimum(0, np.minimum.accumulate(free))  # reflected at empty (Lindley)
    return level[49::50].astype(float), came.reshape(seconds, 50).sum(axis=1).astype(float)


def test_an_overload_is_found_with_its_slope() -> None:
    level, came = queue(137.0, 100.0, 120, np.random.default_rng(1))
    found = growth(level, came)
    assert found is not None
    assert found.slope == pytest.approx(37.0, rel=0.15), "what is put in on average"
    assert found.slope == pytest.approx((level[-1] - level[60]) / 59, rel=0.05), "what this course really did"
    assert 0 < found.low < found.slope < found.high


def test_healthy_systems_at_80_percent_are_never_called_unstable() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        assert growth(*queue(80.0, 100.0, 120, rng)) is None


def test_an_overload_that_was_worked_off_is_not_unstable() -> None:
    rng = np.random.default_rng(3)
    up, came = queue(150.0, 100.0, 60, rng)
    down = np.maximum(0.0, up[-1] - 50.0 * np.arange(1, 61))
    assert growth(np.concatenate([up, down]), np.concatenate([came, np.full(60, 50.0)])) is None


def test_an_overload_being_worked_off_at_the_end_is_not_unstable() -> None:
    rng = np.random.default_rng(4)
    up, came = queue(150.0, 100.0, 80, rng)
    down = np.maximum(0.0, up[-1] - 30.0 * np.arange(1, 41))
    assert growth(np.concatenate([up, down]), np.concatenate([came, np.full(40, 70.0)])) is None


def test_an_overload_that_begins_late_is_measured_from_where_it_begins() -> None:
    rng = np.random.default_rng(5)
    calm, came = queue(50.0, 100.0, 90, rng)
    level, more = queue(160.0, 100.0, 30, rng)
    found = growth(np.concatenate([calm, level]), np.concatenate([came, more]))
    assert found is not None and found.first >= 88
    assert found.slope == pytest.approx(60.0, rel=0.15)


def test_a_full_bounded_queue_has_found_its_level() -> None:
    rng = np.random.default_rng(6)
    level, came = queue(150.0, 100.0, 120, rng)
    assert growth(np.minimum(level, 1000.0), came) is None


def test_too_short_a_run_says_nothing() -> None:
    assert growth(np.arange(8.0) * 1000, np.full(8, 1.0)) is None


def test_the_result_says_it_loudly_and_names_the_service() -> None:
    book = Book(shop(), 130)
    for n in range(2000):  # 20 a second come, 12 a second are done: the wait of the n-th grows without end
        at = n * SECOND // 20
        start = max(at, n * SECOND // 12)
        book.serve(1, at, at, start + 80 * MS, wait=start - at)
        book.root(at, start + 80 * MS)
    (found,) = summarise(book.system, [book.records()]).unstable
    assert (found.kind, found.name) == ("service", "pay")
    assert found.slope == pytest.approx(8.0, rel=0.05)
    assert found.backlog == pytest.approx(800, rel=0.05)
    assert found.text == "unstable: backlog at pay still growing at 8/s"
    assert "unlimited" not in found.text
