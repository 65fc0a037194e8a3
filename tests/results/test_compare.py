"""Comparisons: pairs cancel the shared dice, noise is called noise, unlike runs are compared as such."""

from __future__ import annotations

import json
import math
import random

import pytest

from msforge.records import SECOND
from msforge.results import Result, summarise
from msforge.results.compare import Comparison, Difference, compare
from tests.results.handmade import MS, Book, objective, shop

NAME = "entry/users -> web.buy/mean"


def runs(*, add: float = 0.0, noise: float = 0.0, seed: int = 42, count: int = 5, limit: int = 100) -> Result:
    """Replications with the same dice: request n of replication r takes what its generator says, plus a change."""
    system = shop((objective("mean < 50ms", "mean", limit * MS),))
    records = []
    for replication in range(count):
        dice, other = random.Random(replication), random.Random(f"{seed} {replication}")
        book = Book(system, 130, replication=replication)
        for n in range(200):
            took = dice.expovariate(1 / 40) + add + noise * other.random() + 1
            book.root(n * SECOND // 2, n * SECOND // 2 + int(took * MS))
        one = book.records()
        one.seed = seed
        records.append(one)
    return summarise(system, records)


def difference(comparison: Comparison, name: str = NAME) -> Difference:
    return next(found for found in comparison.differences if found.name == name)


def test_equal_runs_are_the_same_in_every_figure() -> None:
    comparison = compare(runs(), runs())
    assert {found.verdict for found in comparison.differences} <= {"same", "unknown"}
    assert difference(comparison).difference.value == 0.0
    assert comparison.method == "paired replications"


def test_pairing_finds_a_small_change_that_the_noise_of_each_run_would_hide() -> None:
    before, after = runs(), runs(add=1.0)
    found = difference(compare(before, after))
    assert found.difference.value == pytest.approx(1.0 * MS, rel=1e-3)
    assert found.verdict == "worse"
    half = before.entries[0].answered.mean.half_width
    assert half is not None and half > 1.5 * MS, "alone, neither run could tell"
    assert found.relative == pytest.approx(found.difference.value / before.entries[0].answered.mean.value)


def test_a_difference_inside_the_noise_is_reported_as_such() -> None:
    found = difference(compare(runs(noise=30.0, seed=1, count=4), runs(noise=30.0, seed=1, count=4, add=0.0001)))
    assert found.verdict in ("worse", "noise")
    other = difference(compare(runs(noise=30.0, seed=1), runs(noise=30.0, seed=2)))
    assert other.verdict == "noise"
    assert other.difference.low is not None and other.difference.low < 0 < (other.difference.high or 0)


def test_the_paired_interval_is_that_of_the_differences() -> None:
    before, after = runs(), runs(noise=5.0, seed=42)
    old = next(f for f in before.figures if f.name == NAME).values
    new = next(f for f in after.figures if f.name == NAME).values
    gaps = [b - a for a, b in zip(old, new, strict=True) if a is not None and b is not None]
    mean = sum(gaps) / 5
    s = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / 4)
    found = difference(compare(before, after)).difference
    assert found.half_width == pytest.approx(2.776445 * s / math.sqrt(5), rel=1e-5)


def test_other_seeds_are_compared_as_independent_runs() -> None:
    comparison = compare(runs(seed=1), runs(seed=2, add=100.0))
    assert comparison.method == "independent" and "seeds differ" in comparison.text
    assert difference(comparison).verdict == "worse"


def test_welch_on_textbook_numbers() -> None:
    """Two samples of equal size and variance: Welch's interval is the pooled one, with 2 n - 2 degrees of freedom."""
    before, after = runs(seed=1), runs(seed=2)
    figure = next(f for f in before.figures if f.name == NAME)
    other = next(f for f in after.figures if f.name == NAME)
    figure.values, figure.total.value = [1.0, 2.0, 3.0, 4.0, 5.0], 3.0
    other.values, other.total.value = [11.0, 12.0, 13.0, 14.0, 15.0], 13.0
    found = difference(compare(before, after)).difference
    assert found.half_width == pytest.approx(2.306004 * math.sqrt(2.5 / 5 + 2.5 / 5), rel=1e-5)


def test_single_runs_are_paired_batch_by_batch() -> None:
    comparison = compare(runs(count=1), runs(count=1, add=2.0))
    assert comparison.method == "paired batches"
    found = difference(comparison)
    assert (found.verdict, found.difference.value) == ("worse", pytest.approx(2.0 * MS, rel=1e-3))


def test_better_and_worse_follow_the_figure() -> None:
    comparison = compare(runs(), runs(add=-0.9))
    assert difference(comparison).verdict == "better"
    assert difference(comparison, "entry/users -> web.buy/success").verdict == "same"


def test_objectives_that_change_their_verdict() -> None:
    comparison = compare(runs(limit=50), runs(add=30.0, limit=50))
    (change,) = comparison.objectives
    assert (change.subject, change.text) == ("web.buy", "mean < 50ms")
    assert (change.before, change.after, change.verdict) == (True, False, "worse")


def test_figures_of_one_side_alone_are_named() -> None:
    before, after = runs(), runs()
    after.figures = [figure for figure in after.figures if figure.name != NAME]
    comparison = compare(before, after)
    assert comparison.only_before == [NAME] and comparison.only_after == []


def test_a_comparison_is_json_and_covers_every_table() -> None:
    comparison = compare(runs(), runs(add=1.0))
    plain = json.loads(comparison.to_json())
    assert plain["format"] == 1
    kinds = {found["name"].split("/")[0] for found in plain["differences"]}
    assert kinds == {"objective", "entry", "source", "endpoint", "service", "edge", "store", "storm", "cost"}
    assert comparison.to_json() == compare(runs(), runs(add=1.0)).to_json()


def test_the_last_digits_of_a_sum_are_no_change() -> None:
    before, after = runs(), runs()
    figure = next(each for each in after.figures if each.name == NAME)
    figure.values = [value and value * (1 + 1e-13) for value in figure.values]
    figure.total.value = figure.total.value and figure.total.value * (1 + 1e-13)
    assert difference(compare(before, after)).verdict == "same"
