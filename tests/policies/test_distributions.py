"""Moments, distribution functions and quantiles, each against the other and against the draws."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from msforge.policies import draws, moments
from msforge.policies.distributions import KINDS, Dist
from msforge.sim import blocks
from tests.policies.kinds import CONTINUOUS, EXAMPLES

N = 100_000


def _draws(name: str, seed: int = 5) -> np.ndarray:
    return blocks.block(EXAMPLES[name], draws.stream_key(seed, name), 0, N)


@pytest.mark.parametrize("name", EXAMPLES)
def test_draws_have_the_mean_and_variance(name: str) -> None:
    """Within 5 standard errors, both estimated from fourth moments of the draws themselves."""
    dist, x = EXAMPLES[name], _draws(name)
    assert abs(x.mean() - dist.mean) <= 5 * math.sqrt(dist.variance / N) + 1e-9 * dist.mean
    squares = (x - dist.mean) ** 2
    assert abs(squares.mean() - dist.variance) <= 5 * squares.std() / math.sqrt(N) + 1e-9 * dist.mean**2


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_distribution_function(name: str) -> None:
    """Kolmogorov-Smirnov at significance 1e-4: the distance times the root of N stays below 2.225."""
    dist, x = EXAMPLES[name], np.sort(_draws(name)[:20_000])
    at = np.linspace(0, x.size - 1, 1500).astype(int)  # the largest gap on a subset is no larger than on all
    expected = np.array([dist.cdf(v) for v in x[at].tolist()])
    distance = max(np.abs(expected - at / x.size).max(), np.abs(expected - (at + 1) / x.size).max())
    assert distance * math.sqrt(x.size) < 2.225


@pytest.mark.parametrize("name", ["empirical", "zipf", "zipf flat"])
def test_draws_have_the_right_shares(name: str) -> None:
    dist, x = EXAMPLES[name], _draws(name)
    for value in sorted(set(x.tolist()))[:12]:
        share = dist.cdf(value) - dist.cdf(value - 0.5)
        assert abs((x == value).mean() - share) < 5 * math.sqrt(share * (1 - share) / N) + 1e-12


@pytest.mark.parametrize("name", EXAMPLES)
def test_draws_are_never_negative(name: str) -> None:
    assert _draws(name).min() >= 0


@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantile_inverts_cdf(name: str) -> None:
    dist = EXAMPLES[name]
    for p in (1e-6, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999999):
        assert dist.cdf(dist.quantile(p)) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("name", ["empirical", "zipf", "zipf flat"])
def test_quantile_is_the_least_value_that_reaches_p(name: str) -> None:
    dist = EXAMPLES[name]
    for p in (0.0, 0.1, 0.2, 0.2000001, 0.4, 0.6, 0.61, 0.8, 0.99, 1.0):
        x = dist.quantile(p)
        assert dist.cdf(x) >= p - 1e-15
        assert p == 0 or dist.cdf(math.nextafter(x, 0.0)) < p


@pytest.mark.parametrize("name", CONTINUOUS)
def test_moments_are_the_integrals_of_the_survival_function(name: str) -> None:
    """E[X] is the integral of 1 - cdf, E[X**2] that of 2 x (1 - cdf): the trapezoid rule over ln x."""
    dist = EXAMPLES[name]
    t = np.linspace(0.0, math.log(dist.quantile(1 - 1e-13)), 2000)
    x = np.exp(t)
    survival = np.array([1.0 - dist.cdf(v) for v in x.tolist()])
    assert np.trapezoid(survival * x, t) == pytest.approx(dist.mean, rel=2e-3)
    assert np.trapezoid(2 * x * x * survival, t) == pytest.approx(dist.second_moment, rel=5e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_moments_agree_with_each_other(name: str) -> None:
    dist = EXAMPLES[name]
    assert dist.second_moment == pytest.approx(dist.variance + dist.mean**2)
    if dist.mean:
        assert dist.scv == pytest.approx(dist.variance / dist.mean**2)
    assert dist.is_constant == (dist.variance == 0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_distribution_function_runs_from_0_to_1(name: str) -> None:
    dist = EXAMPLES[name]
    assert dist.cdf(-1.0) == 0.0
    assert dist.cdf(math.inf) == pytest.approx(1.0)
    grid = [dist.cdf(v) for v in np.linspace(0, dist.quantile(0.999), 200).tolist()]
    assert all(0 <= a <= b <= 1 for a, b in itertools.pairwise(grid))


@pytest.mark.parametrize(("alpha", "mean", "variance"), [(0.9, math.inf, math.inf), (1.0, math.inf, math.inf),
                                                         (1.5, 3.0, math.inf), (2.0, 2.0, math.inf), (3.0, 1.5, 0.75)])
def test_a_pareto_promises_only_what_it_has(alpha: float, mean: float, variance: float) -> None:
    dist = Dist("pareto", (1.0, alpha))
    assert dist.mean == mean
    assert dist.variance == variance
    assert dist.second_moment == pytest.approx(variance + mean**2) or dist.second_moment == math.inf
    assert dist.scv == pytest.approx(variance / mean**2) if variance < math.inf else dist.scv == math.inf


def test_the_cut_normal_has_the_moments_of_the_cut_variable() -> None:
    half = Dist("normal", (0.0, 2.0))  # conditioned on >= 0: a half-normal
    assert half.mean == pytest.approx(2.0 * math.sqrt(2 / math.pi))
    assert half.variance == pytest.approx(4.0 * (1 - 2 / math.pi))
    assert half.quantile(0.5) == pytest.approx(2.0 * NormalDist().inv_cdf(0.75))
    assert moments.cut_share(half) == 0.5
    assert moments.cut_share(Dist("normal", (3.0, 1.0))) == pytest.approx(NormalDist().cdf(-3))
    assert moments.cut_share(Dist("normal", (3.0, 0.0))) == 0.0
    assert moments.cut_share(Dist("exponential", (3.0,))) == 0.0


def test_known_values() -> None:
    assert Dist("erlang", (2.0, 2.0)).cdf(1.0) == pytest.approx(1 - 2 * math.exp(-1))
    assert Dist("gamma", (0.5, 2.0)).cdf(1.0) == pytest.approx(math.erf(math.sqrt(0.5)))  # chi square, 1 degree
    fewer = math.fsum(math.exp(k * math.log(70) - 70 - math.lgamma(k + 1)) for k in range(50))  # Poisson(70) < 50
    assert Dist("gamma", (50.0, 1.0)).cdf(70.0) == pytest.approx(1 - fewer, rel=1e-12)
    assert Dist("gamma", (50.0, 1.0)).cdf(30.0) == pytest.approx(
        math.fsum(math.exp(k * math.log(30) - 30 - math.lgamma(k + 1)) for k in range(50, 200)), rel=1e-9
    )
    assert Dist("weibull", (1.0, 2.0)).mean == pytest.approx(math.sqrt(math.pi) / 2)
    assert Dist("lognormal", (0.0, 1.0)).quantile(0.99) == pytest.approx(math.exp(NormalDist().inv_cdf(0.99)))
    assert Dist("zipf", (3.0, 1.0)).mean == pytest.approx(3 / (1 + 1 / 2 + 1 / 3))
    assert Dist("hyperexponential", (0.5, 1.0, 0.5, 3.0)).variance == pytest.approx(0.5 * 2 + 0.5 * 18 - 4)


def test_a_weight_of_zero_leaves_its_part_out() -> None:
    dist = Dist("mixture", (1.0, 0.0), (Dist("constant", (3.0,)), Dist("pareto", (1.0, 0.5))))
    assert (dist.mean, dist.variance, dist.is_constant) == (3.0, 0.0, True)
    assert set(blocks.block(dist, 1, 0, 500).tolist()) == {3.0}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].kind != "zipf"])
@pytest.mark.parametrize("factor", [0.25, 1.0, 10.0])
def test_scaled_scales_every_quantile_and_moment(name: str, factor: float) -> None:
    dist, scaled = EXAMPLES[name], EXAMPLES[name].scaled(factor)
    assert scaled.mean == pytest.approx(dist.mean * factor)
    assert scaled.variance == pytest.approx(dist.variance * factor**2)
    for p in (0.01, 0.5, 0.99):
        assert scaled.quantile(p) == pytest.approx(dist.quantile(p) * factor)
    key = draws.stream_key(4, name)
    assert draws.sample(scaled, key, 9) == pytest.approx(draws.sample(dist, key, 9) * factor, rel=1e-9)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_must_be_positive_and_finite(factor: float) -> None:
    with pytest.raises(ValueError, match="positive, finite factor"):
        Dist("exponential", (1.0,)).scaled(factor)


def test_a_rank_cannot_be_scaled() -> None:
    with pytest.raises(ValueError, match="rank"):
        Dist("zipf", (3.0, 1.0)).scaled(2.0)


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("cauchy", (1.0,), "no such distribution"),
        ("exponential", (), "takes 1 parameters, not 0"),
        ("exponential", (-1.0,), "must be >= 0"),
        ("exponential", (math.nan,), "finite"),
        ("constant", (-1.0,), "must be >= 0"),
        ("constant", (math.inf,), "finite"),
        ("uniform", (3.0, 2.0), "low <= high"),
        ("uniform", (-1.0, 2.0), "0 <= low"),
        ("normal", (1.0, -1.0), "standard deviation"),
        ("normal", (-100.0, 1.0), "too far below 0"),
        ("lognormal", (1.0, -1.0), "sigma"),
        ("gamma", (0.0, 1.0), "shape"),
        ("erlang", (1.5, 1.0), "whole number"),
        ("erlang", (0.0, 1.0), "whole number"),
        ("pareto", (1.0, 0.0), "alpha"),
        ("weibull", (1.0, 0.0), "shape"),
        ("hyperexponential", (0.5, 1.0, 0.5), "pairs"),
        ("hyperexponential", (0.0, 1.0), "not all 0"),
        ("hyperexponential", (-0.5, 1.0, 1.5, 1.0), "probabilities"),
        ("hyperexponential", (1.0, -1.0), "means"),
        ("empirical", (), "at least one value"),
        ("empirical", (2.0, 1.0), "sorted"),
        ("empirical", (-1.0, 1.0), ">= 0"),
        ("mixture", (1.0,), "a mixture has parts"),
        ("zipf", (0.0, 1.0), "whole number"),
        ("zipf", (10.0, -1.0), "s must be"),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(kind: str, params: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Dist(kind, params)


def test_mixtures_are_checked() -> None:
    one = Dist("constant", (1.0,))
    with pytest.raises(ValueError, match="as many weights as parts"):
        Dist("mixture", (1.0, 2.0), (one,))
    with pytest.raises(ValueError, match="not all 0"):
        Dist("mixture", (0.0,), (one,))
    with pytest.raises(ValueError, match="only a mixture has parts"):
        Dist("constant", (1.0,), (one,))


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_quantile_needs_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Dist("exponential", (1.0,)).quantile(p)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("mixture", "delayed")])
def test_degenerate_cases_draw_their_one_value(kind: str) -> None:
    params = {
        "constant": (4.0,), "exponential": (0.0,), "uniform": (4.0, 4.0), "normal": (4.0, 0.0),
        "lognormal": (math.log(4.0), 0.0), "gamma": (2.0, 0.0), "erlang": (2.0, 0.0), "pareto": (0.0, 1.0),
        "weibull": (0.0, 1.0), "hyperexponential": (1.0, 0.0), "empirical": (4.0, 4.0), "zipf": (1.0, 2.0),
    }[kind]  # fmt: skip
    dist = Dist(kind, params)
    assert dist.is_constant
    assert dist.variance == 0
    assert dist.quantile(0.3) == dist.mean
    assert dist.cdf(dist.mean) == 1.0
    assert np.allclose(blocks.block(dist, 1, 0, 50), dist.mean, rtol=1e-14, atol=0)


EXTREMES = [
    Dist(kind, (scale, shape))
    for kind in ("pareto", "weibull") for scale in (1e-3, 1e12) for shape in (1e-3, 0.02, 80.0)
] + [
    Dist("gamma", (1e-3, 1e9)), Dist("gamma", (1e6, 1.0)), Dist("erlang", (1000.0, 1e6)),
    Dist("lognormal", (20.0, 40.0)), Dist("normal", (-25.0, 1.0)), Dist("normal", (1e12, 1e-3)),
    Dist("hyperexponential", (1e-9, 1e15, 1.0, 1.0)),
    Dist("mixture", (0.5, 0.5), (Dist("pareto", (1.0, 1e-3)), Dist("weibull", (1.0, 1e-3)))),
]  # fmt: skip


@pytest.mark.parametrize("dist", EXTREMES, ids=str)
def test_moments_and_quantiles_of_extreme_parameters_may_be_infinite_but_never_nan(dist: Dist) -> None:
    values = [dist.mean, dist.variance, dist.second_moment, dist.scv]
    values += [dist.quantile(p) for p in (0, 1e-9, 0.5, 0.99, 1)]
    assert all(value >= 0 for value in values)  # nan is not
    assert all(0 <= dist.cdf(x) <= 1 for x in (0.0, 1e-9, 1.0, 1e9, 1e300, math.inf))
    assert np.isfinite(blocks.durations(dist, 3, 0, 200)).all()
