"""The HorizontalPodAutoscaler's rule, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies.autoscaler import PERIOD, Autoscaler, Scaling, Use

S = 1_000_000_000
STEP = 15 * S


def once(current: int, readings: list[float | None], target: float = 0.5, least: int = 1, most: int = 100) -> int:
    return Autoscaler(least, most, target).decide(0, current, readings)


@pytest.mark.parametrize(
    ("current", "use", "wanted"), [(2, 0.8, 4), (4, 0.75, 6), (3, 0.6, 4), (1, 1.0, 2), (10, 0.7, 14)]
)
def test_desired_is_current_times_metric_over_target_rounded_up(current: int, use: float, wanted: int) -> None:
    assert once(current, [use] * current) == wanted


@pytest.mark.parametrize("use", [0.45, 0.5, 0.55])
def test_nothing_happens_within_a_tenth_of_the_target(use: float) -> None:
    assert once(40, [use] * 40) == 40


def test_just_outside_the_tolerance_it_acts() -> None:
    assert once(40, [0.5501] * 40) == 45
    assert once(40, [0.77] * 40, target=0.7) == 40  # 0.77 / 0.7 is above 1.1 in floating point


def test_it_goes_by_the_mean_over_replicas() -> None:
    assert once(4, [1.0, 1.0, 0.5, 0.5]) == 6
    assert once(4, [2.0, 0.0, 0.0, 0.0]) == 4


@pytest.mark.parametrize(("current", "wanted"), [(1, 5), (2, 6), (4, 8), (5, 10), (20, 40)])
def test_up_at_most_to_the_larger_of_plus_4_and_twice(current: int, wanted: int) -> None:
    assert once(current, [5.0] * current) == wanted


def test_the_limit_is_for_15_seconds_not_for_a_decision() -> None:
    scaler = Autoscaler(1, 100, 0.5)
    assert scaler.decide(0, 2, [5.0] * 2) == 6
    assert scaler.decide(5 * S, 6, [5.0] * 6) == 6
    assert scaler.decide(STEP, 6, [5.0] * 6) == 12


@pytest.mark.parametrize(("readings", "wanted"), [
    ([1.0, 1.0, None], 4),        # (1 + 1 + 0) / 0.5; without the third it would be 6
    ([0.8, None], 2),             # with it the mean is 0.4: the direction turns, nothing happens
    ([0.8, None, None], 3),
    ([1.5, 1.5, None, None], 6),
    ([1.05, None], 2),            # with it the mean is within tolerance
])
def test_replicas_not_ready_count_nothing_when_scaling_up(readings: list[float | None], wanted: int) -> None:
    assert once(len(readings), readings) == wanted


def test_replicas_not_ready_are_left_out_when_scaling_down() -> None:
    scaler = Autoscaler(1, 100, 0.5)
    scaler.decide(0, 4, [0.1, 0.1, 0.1, None])
    assert scaler.decide(300 * S, 4, [0.1, 0.1, 0.1, None]) == 1  # ceil(0.3 / 0.5)


def test_with_no_replica_ready_nothing_happens() -> None:
    assert once(3, [None, None, None]) == 3
    assert once(3, []) == 3


def test_down_only_to_the_highest_recommendation_of_300_seconds() -> None:
    scaler = Autoscaler(1, 100, 0.5)
    uses = [0.5, 0.4, 0.1] + [0.1] * 30
    current, seen = 10, []
    for i, use in enumerate(uses):
        current = scaler.decide(i * STEP, current, [use] * current)
        seen.append(current)
    assert seen[:20] == [10] * 20           # the 10 of time 0 holds until 300 s
    assert seen[20] == 8                    # then the 8 of 15 s
    assert seen[21] == 2
    assert scaler.decide(len(uses) * STEP, 1, [0.5]) == 1


def test_the_replicas_at_the_first_decision_are_the_first_recommendation() -> None:
    scaler = Autoscaler(1, 100, 0.5)
    assert [scaler.decide(i * STEP, 10, [0.0] * 10) for i in range(21)] == [10] * 20 + [1]


def test_a_rise_resets_how_far_it_may_fall() -> None:
    scaler = Autoscaler(1, 100, 0.5)
    scaler.decide(0, 2, [0.5, 0.5])
    assert scaler.decide(STEP, 2, [1.0, 1.0]) == 4
    assert scaler.decide(STEP + 285 * S, 4, [0.1] * 4) == 4
    assert scaler.decide(STEP + 300 * S, 4, [0.1] * 4) == 1


@pytest.mark.parametrize(("current", "use", "wanted"), [(3, 5.0, 4), (4, 5.0, 4), (2, 0.0, 2)])
def test_it_stays_between_minimum_and_maximum(current: int, use: float, wanted: int) -> None:
    scaler = Autoscaler(2, 4, 0.5)
    scaler.decide(0, current, [use] * current)
    assert scaler.decide(400 * S, current, [use] * current) == wanted


@pytest.mark.parametrize(("current", "wanted"), [(0, 2), (1, 2), (9, 4)])
def test_a_number_outside_its_limits_is_brought_inside_at_once(current: int, wanted: int) -> None:
    assert once(current, [0.5] * current, least=2, most=4) == wanted


@pytest.mark.parametrize(("least", "most", "target"), [(0, 3, 0.5), (3, 2, 0.5), (1, 2, 0.0), (1, 2, -1.0)])
def test_limits_and_targets_that_make_no_sense_are_refused(least: int, most: int, target: float) -> None:
    with pytest.raises(ValueError, match="an autoscaler"):
        Autoscaler(least, most, target)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), max_size=60))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_it_never_leaves_its_limits_nor_its_pace(uses: list[tuple[float, int]]) -> None:
    scaler, current = Autoscaler(2, 30, 0.6), 2
    for i, (use, unready) in enumerate(uses):
        readings: list[float | None] = [None if k < unready else use for k in range(current)]
        wanted = scaler.decide(i * STEP, current, readings)
        assert 2 <= wanted <= min(30, max(current + 4, 2 * current))
        current = wanted


def look(scaling: Scaling, turn: int, *areas: float | None) -> int:
    """One look at replicas of ten threads that have been busy so far for `areas` x 15 s."""
    uses = [Use(i, (area or 0.0) * PERIOD, 10.0, area is not None) for i, area in enumerate(areas)]
    return scaling.look(turn * PERIOD, 1, 8, 0.5, uses)[0]


def test_a_look_reads_what_was_done_since_the_last_one() -> None:
    scaling = Scaling()
    assert look(scaling, 1, 10.0) == 2     # all ten threads, all the time: twice the target
    assert look(scaling, 2, 15.0, 5.0) == 2
    assert look(scaling, 3, 25.0, 15.0) == 4


def test_one_that_is_not_ready_is_no_reading() -> None:
    assert look(Scaling(), 1, 10.0, None) == 2
    assert look(Scaling(), 1, None) == 1


def test_a_controller_that_comes_later_looks_once_before_it_judges() -> None:
    scaling = Scaling()
    scaling.rest()
    assert look(scaling, 7, 70.0) == 1
    assert look(scaling, 8, 80.0) == 2


def test_other_settings_begin_anew() -> None:
    scaling = Scaling()
    assert look(scaling, 1, 10.0) == 2
    uses = [Use(0, 10.0 * PERIOD, 10.0, True)]  # idle since
    assert scaling.look(2 * PERIOD, 1, 8, 0.9, uses)[0] == 1
    assert scaling.look(3 * PERIOD, 3, 8, 0.9, uses)[0] == 3
