"""log, exp and the normal quantile: how far from the truth, and the same to the bit in numpy."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from msforge.policies import elementary, normal
from msforge.sim import elementary as vector

POSITIVE = st.floats(min_value=2.0**-1022, max_value=1e308, allow_subnormal=False)


def _ulps(value: float, truth: Decimal) -> float:
    return abs(float((Decimal(value) - truth) / Decimal(math.ulp(float(truth)))))


@given(POSITIVE)
@example(1.0)
@example(math.nextafter(1.0, 2.0))
@example(math.nextafter(1.0, 0.0))
@example(elementary.SQRT_HALF)
@example(math.sqrt(2.0))
@example(2.0**-53)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_log_is_within_two_units_in_the_last_place(x: float) -> None:
    value = elementary.log(x)
    if x == 1.0:
        assert value == 0.0
        return
    with localcontext(prec=50):
        assert _ulps(value, Decimal(x).ln()) < 2
    assert math.isclose(value, math.log(x), rel_tol=5e-16)


@given(st.floats(0.7, 1.45))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_log_is_accurate_where_it_is_near_zero(x: float) -> None:
    with localcontext(prec=50):
        assert x == 1.0 or _ulps(elementary.log(x), Decimal(x).ln()) < 2


@given(st.floats(-708, 709))
@example(0.0)
@example(-708.0)
@example(709.0)
@example(0.34657359027997264)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    with localcontext(prec=50):
        assert _ulps(elementary.exp(x), Decimal(x).exp()) < 2


@pytest.mark.parametrize(("x", "held"), [(1e9, 709.0), (709.5, 709.0), (-708.5, -708.0), (-math.inf, -708.0)])
def test_exp_is_held_where_its_result_is_a_normal_number(x: float, held: float) -> None:
    assert elementary.exp(x) == elementary.exp(held)


def test_log_and_exp_are_the_same_in_numpy() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([np.exp(rng.uniform(-700, 700, 3000)), rng.uniform(0.6, 1.6, 3000), [1.0, 2.0**-53, 2.0**-1022]])
    assert vector.log(x.copy()).tolist() == [elementary.log(v) for v in x.tolist()]
    y = np.concatenate([rng.uniform(-720, 720, 3000), rng.uniform(-1, 1, 3000), [0.0, -0.0, 709.0, -708.0]])
    assert vector.exp(y.copy()).tolist() == [elementary.exp(v) for v in y.tolist()]
    safe = y[np.abs(y) < 700]
    assert vector.exp(safe.copy(), extreme=False).tolist() == [elementary.exp(v) for v in safe.tolist()]


PROBABILITIES = sorted(
    {(k + 0.5) / 3000 for k in range(3000)} | {10.0**-k for k in range(1, 300)} | {1 - 2.0**-k for k in range(2, 54)}
)


def test_the_normal_quantile_agrees_with_the_standard_librarys() -> None:
    standard = NormalDist()
    for p in PROBABILITIES:
        assert math.isclose(elementary.normal_quantile(p), standard.inv_cdf(p), rel_tol=1e-14, abs_tol=1e-15)


def test_the_normal_quantile_inverts_the_error_function() -> None:
    for p in (0.001, 0.02425, 0.075, 0.5, 0.925, 0.9, 1e-12, 1e-30, 1e-200):
        z = elementary.normal_quantile(p)
        assert math.isclose(0.5 * math.erfc(-z / math.sqrt(2)), p, rel_tol=1e-12)


def test_the_normal_quantile_is_the_same_in_numpy() -> None:
    p = np.array(PROBABILITIES)
    assert vector.normal_quantile(p.copy()).tolist() == [elementary.normal_quantile(v) for v in PROBABILITIES]


def _grid() -> list[float]:
    """Uniform draws (odd multiples of 2**-53): evenly spread, near every edge of an octave, and the extremes."""
    steps = {round(i * 2.0**52 / 4001) for i in range(4001)}
    steps |= {min(max((1 << octave) + d, 0), 2**52 - 1) for octave in range(53) for d in range(-3, 4)}
    steps |= {2**52 - 1 - k for k in set(steps)}
    return sorted({(k + 0.5) * 2.0**-52 for k in steps if 0 <= k < 2**52})


def test_the_table_is_within_a_billionth_of_as_241() -> None:
    for u in _grid():
        assert abs(normal.normal(u) - elementary.normal_quantile(u)) < 1e-9


def test_the_table_is_symmetric_and_increasing() -> None:
    grid = _grid()
    values = [normal.normal(u) for u in grid]
    assert [normal.normal(1.0 - u) for u in grid] == [-v for v in values]
    assert all(later - earlier > -1e-15 for earlier, later in itertools.pairwise(values))
    assert values[0] == pytest.approx(-8.2095, abs=1e-4)


def test_the_table_is_the_same_in_numpy() -> None:
    grid = _grid()
    assert vector.normal(np.array(grid)).tolist() == [normal.normal(u) for u in grid]


def test_the_series_are_the_ones_they_claim_to_be() -> None:
    """The polynomials against the first terms of the series they stand for, at the ends of their range."""
    from fractions import Fraction

    z = Fraction((3 - 2 * math.sqrt(2)) ** 2)
    series = sum(Fraction(2, 2 * i + 3) * z**i for i in range(30))
    held = [elementary.L0, elementary.L1, elementary.L2, elementary.L3, elementary.L4, elementary.L5, elementary.L6]
    assert abs(float((sum(Fraction(c) * z**i for i, c in enumerate(held)) - series) * z)) < 2e-17
    r = math.log(2) / 2
    held = [elementary.E0, elementary.E1, elementary.E2, elementary.E3, elementary.E4]
    with localcontext(prec=50):
        x = Decimal(r)
        truth = x * ((x.exp() + 1) / (x.exp() - 1)) - 2
        assert abs(sum(Decimal(c) * x ** (2 * i + 2) for i, c in enumerate(held)) - truth) < Decimal("3e-17")
