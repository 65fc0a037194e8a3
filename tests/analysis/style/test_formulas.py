"""The formulas behind `advise`, held to arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msforge.analysis.queueing import erlang_c, mg1_wait
from msforge.analysis.style.formulas import (
    WAITS,
    cores,
    in_series,
    most_hops,
    most_in_series,
    pairs,
    pairs_in_teams,
    pipeline_wait,
    pipelines,
)


def test_pairs_are_counted_as_brooks_counts_them() -> None:
    assert [pairs(n) for n in (1, 2, 3, 10)] == [0, 1, 3, 45]
    assert pairs_in_teams(12, 2) == 15 + 15 + 1
    assert pairs_in_teams(10, 3) == 6 + 3 + 3 + 3  # teams of 4, 3 and 3
    assert pairs_in_teams(7, 1) == pairs(7)


def test_a_pipeline_is_the_queue_that_the_theory_has() -> None:
    for use in (0.1, 0.5, 2 / 3, 0.9):
        assert pipeline_wait(use) == pytest.approx(mg1_wait(use, 1.0, 0.0))
    assert pipeline_wait(2 / 3) == pytest.approx(1.0)
    assert math.isinf(pipeline_wait(1.0))


def test_so_many_pipelines_that_a_change_waits_no_longer_than_its_deployment_takes() -> None:
    assert pipelines(16, 30, 720) == 1  # 480 of 720 minutes: exactly two thirds
    assert pipelines(17, 30, 720) == 2
    for deploys in (3, 20, 77):
        many = pipelines(deploys, 30, 480)
        assert pipeline_wait(deploys / many * 30 / 480) <= 1
        assert many == 1 or pipeline_wait(deploys / (many - 1) * 30 / 480) > 1


@given(st.floats(0, 300))
def test_cores_are_the_fewest_with_which_one_request_in_five_waits(busy: float) -> None:
    many = cores(busy)
    assert erlang_c(many, busy) <= WAITS + 1e-12
    assert many == 2 or erlang_c(many - 1, busy) > WAITS


@given(st.floats(0.1, 50), st.floats(0.1, 50))
def test_one_pool_never_takes_more_cores_than_two(one: float, other: float) -> None:
    assert cores(one + other) <= cores(one) + cores(other)


def test_availability_in_series_multiplies_and_the_most_in_series_is_where_it_still_holds() -> None:
    assert in_series(0.99, 3) == pytest.approx(0.970299)
    assert most_in_series(0.99, 0.970299) == 3
    assert most_in_series(0.99, 0.9704) == 2
    assert most_in_series(0.99, 0.995) == 0


def test_calls_in_a_row_fit_into_what_is_left() -> None:
    assert most_hops(100, 90, 5) == 2
    assert most_hops(100, 91, 5) == 1
    assert most_hops(100, 100, 5) == 0
    assert most_hops(100, 101, 5) == -1
