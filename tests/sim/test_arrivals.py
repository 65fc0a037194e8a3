"""Arrival times: exact where they are constant, right on average where they are random, whatever the blocks."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.model.plan import PLAIN, Source, Stage
from msforge.records import SECOND
from msforge.sim import arrivals
from msforge.sim.arrivals import Arrivals, area, pieces_of, when
from msforge.sim.streams import Pool

BURST = (1.0 * SECOND, 1.0 * SECOND, 1.8)  # on for 1 s, off for 1 s, on average; 1.8 times the rate while on


def source(kind: str, *stages: tuple[float, float, float], start: int = 0) -> Source:
    """Stages are (rate at the begin, rate at the end, seconds)."""
    return Source(
        index=0, name="s", journey=(), single=True, arrivals=kind,
        stages=tuple(Stage(begin, end, round(seconds * SECOND)) for begin, end, seconds in stages),
        burst=BURST if kind == "bursty" else (), times=(), start=start, count=-1, users=0, think=None, policy=PLAIN)


def times_of(plan: Source, key: int = 7) -> list[int]:
    """All arrivals (ns)."""
    source = Arrivals(plan, Pool(), key)
    times: list[int] = []
    while block := source.block():
        times += block
    return times


# -- the rate and its integral ------------------------------------------------------------------------

RATES = st.floats(0, 1e5, allow_nan=False).map(lambda r: round(r, 3))


@settings(deadline=None)
@given(st.integers(1, 10**13), RATES, RATES, st.floats(0, 1))
def test_when_inverts_area(length: int, first: float, last: float, part: float) -> None:
    piece = (123, length, first, last)
    whole = area(piece, length)
    assert whole == pytest.approx((first + last) / 2 * length)
    if whole > 0:
        need = whole * part
        after = when(piece, np.array([need]))[0]
        assert 0 <= after <= length * (1 + 1e-9)
        assert area(piece, after) == pytest.approx(need, rel=1e-9, abs=1e-9 * whole)


def test_a_linear_rate_reaches_its_levels_at_the_roots() -> None:
    piece = (0, 10 * SECOND, 0.0, 10.0)  # after t seconds t**2 / 2 arrivals are expected
    after = when(piece, np.array([0.5, 2.0, 12.5, 50.0]) * SECOND)
    assert after / SECOND == pytest.approx([1.0, 2.0, 5.0, 10.0])


def test_the_level_at_a_time_is_the_expected_number_until_then() -> None:
    plan = source("poisson", (10, 10, 2), (10, 30, 4), start=3 * SECOND)
    level = Arrivals(plan, Pool(), 1).level
    expected = {0: 0, 3: 0, 4: 10, 5: 20, 7: 50, 9: 100, 20: 100}
    assert {second: level(second * SECOND) / SECOND for second in expected} == pytest.approx(expected)


# -- constant --------------------------------------------------------------------------------------------


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    assert times_of(source("constant", (4, 4, 1), start=SECOND)) == [
        SECOND, SECOND + SECOND // 4, SECOND + SECOND // 2, SECOND + 3 * SECOND // 4]


def test_constant_arrivals_follow_a_ramp() -> None:
    times = times_of(source("constant", (0, 10, 10)))
    assert len(times) == 50
    assert times == [round(math.sqrt(2 * i) * SECOND) for i in range(50)]


def test_a_stage_without_traffic_is_waited_out() -> None:
    times = times_of(source("constant", (2, 2, 1), (0, 0, 5), (2, 2, 1)))
    assert times == [0, SECOND // 2, 6 * SECOND, 6 * SECOND + SECOND // 2]
    assert times_of(source("poisson", (0, 0, 5))) == []


# -- at random ----------------------------------------------------------------------------------------------


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    times = times_of(source("poisson", (1000, 1000, 20)))
    gaps = np.diff(times) / SECOND
    assert abs(len(times) - 20_000) < 4 * math.sqrt(20_000)
    assert gaps.mean() == pytest.approx(1 / 1000, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.04)
    assert np.mean(gaps > 1 / 1000) == pytest.approx(math.exp(-1), abs=0.015)


def test_poisson_arrivals_follow_a_ramp() -> None:
    times = np.array(times_of(source("poisson", (0, 1000, 20)))) / SECOND
    assert abs(len(times) - 10_000) < 4 * math.sqrt(10_000)
    assert np.mean(times < 10) == pytest.approx(1 / 4, abs=0.02)  # a quarter of the triangle


def test_bursty_arrivals_have_the_mean_rate_and_come_in_bursts() -> None:
    seconds, rate = 2000, 20
    times = np.array(times_of(source("bursty", (rate, rate, seconds)))) // SECOND
    # phases of mean 1 s: the share of time that is `on` has the deviation sqrt(0.25 / seconds)
    deviation = 1.6 * math.sqrt(0.25 / seconds)
    assert len(times) / seconds == pytest.approx(rate, rel=4 * deviation)
    per_second = np.bincount(times, minlength=seconds)
    assert per_second.var() > 3 * per_second.mean(), "far more uneven than Poisson's"


def test_bursts_cut_the_stages_without_changing_their_span() -> None:
    plan = source("bursty", (10, 10, 30), (10, 40, 30), start=SECOND)
    pieces = pieces_of(plan, Pool(), 3)
    assert pieces[0][0] == SECOND and sum(length for _, length, _, _ in pieces) == 60 * SECOND
    for (begin, length, _, _), (following, _, _, _) in pairwise(pieces):
        assert begin + length == following
    assert {round(first / 10, 9) for begin, _, first, _ in pieces if begin < 31 * SECOND} == {1.8, 0.2}


# -- blocks ---------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(("constant", "poisson", "bursty")), st.integers(1, 70), st.integers(1, 500))
def test_the_size_of_blocks_does_not_matter(kind: str, first: int, largest: int) -> None:
    plan = source(kind, (50, 50, 2), (50, 100, 4), (0, 0, 1), (10, 10, 2), start=17)
    expected = times_of(plan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "FIRST_BLOCK", first)
        patch.setattr(arrivals, "LARGEST_BLOCK", largest)
        assert times_of(plan) == expected
    assert len(expected) > 100 and expected == sorted(expected)


def test_another_key_has_other_dice_and_the_same_key_the_same() -> None:
    plan = source("poisson", (100, 100, 2))
    assert times_of(plan, key=1) == times_of(plan, key=1) != times_of(plan, key=2)


def test_the_same_dice_serve_another_rate() -> None:
    slow, fast = times_of(source("poisson", (10, 10, 20))), times_of(source("poisson", (20, 20, 20)))
    assert all(abs(a - 2 * b) <= 2 for a, b in zip(slow, fast, strict=False))
