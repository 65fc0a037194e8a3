"""Distributions from a mean or median and a percentile or spread have what was asked for."""

from __future__ import annotations

import math

import pytest

from msforge.policies import fits


@pytest.mark.parametrize(("mean", "p99"), [(6e6, 40e6), (5e6, 30e6), (1.0, 1.0), (1.0, 14.9), (2e5, 2.1e5)])
def test_lognormal_by_mean_and_p99(mean: float, p99: float) -> None:
    dist = fits.lognormal_mean_p99(mean, p99)
    assert dist.mean == pytest.approx(mean)
    assert dist.quantile(0.99) == pytest.approx(p99)


def test_of_the_two_lognormals_that_fit_the_narrower_is_taken() -> None:
    dist = fits.lognormal_mean_p99(1.0, 5.0)
    z = 2.3263478740408408
    wider = z + math.sqrt(z * z - 2 * math.log(5.0))
    assert dist.params[1] < z < wider
    assert math.exp(-wider * wider / 2 + z * wider) == pytest.approx(5.0)  # the other one fits too


@pytest.mark.parametrize("ratio", [14.98, 20.0, 1e6])
def test_no_lognormal_has_its_p99_too_far_above_its_mean(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"no lognormal has its 99th percentile at .* the most is 14.97"):
        fits.lognormal_mean_p99(1.0, ratio)


@pytest.mark.parametrize("p", [0.9, 0.95, 0.999])
def test_other_percentiles(p: float) -> None:
    assert fits.lognormal_mean_percentile(2.0, 3.0, p).quantile(p) == pytest.approx(3.0)
    assert fits.lognormal_median_percentile(2.0, 3.0, p).quantile(p) == pytest.approx(3.0)


@pytest.mark.parametrize(("median", "p99"), [(60e6, 250e6), (3e5, 2e6), (1.0, 1.0), (1.0, 1e9)])
def test_lognormal_by_median_and_p99(median: float, p99: float) -> None:
    dist = fits.lognormal_median_p99(median, p99)
    assert dist.quantile(0.5) == pytest.approx(median)
    assert dist.quantile(0.99) == pytest.approx(p99)


@pytest.mark.parametrize("cv", [0.0, 0.3, 1.0, 4.0])
def test_by_mean_or_median_and_cv(cv: float) -> None:
    for make in (fits.lognormal_mean_cv, fits.gamma_mean_cv):
        dist = make(5.0, cv)
        assert dist.mean == pytest.approx(5.0)
        assert dist.scv == pytest.approx(cv * cv)
    dist = fits.lognormal_median_cv(5.0, cv)
    assert dist.quantile(0.5) == pytest.approx(5.0)
    assert dist.scv == pytest.approx(cv * cv)


@pytest.mark.parametrize("cv", [1.0, 2.0, 10.0])
def test_hyperexponential_by_mean_and_cv_has_balanced_means(cv: float) -> None:
    dist = fits.hyperexponential_mean_cv(5.0, cv)
    p1, m1, p2, m2 = dist.params
    assert dist.mean == pytest.approx(5.0)
    assert dist.scv == pytest.approx(cv * cv)
    assert p1 * m1 == pytest.approx(p2 * m2)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="below the mean"):
        fits.lognormal_mean_p99(5.0, 4.0)
    with pytest.raises(ValueError, match="below the median"):
        fits.lognormal_median_p99(5.0, 4.0)
    with pytest.raises(ValueError, match="mean must be above 0"):
        fits.lognormal_mean_cv(0.0, 1.0)
    with pytest.raises(ValueError, match="median must be above 0"):
        fits.lognormal_median_p99(-1.0, 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        fits.hyperexponential_mean_cv(1.0, 0.5)
    with pytest.raises(ValueError, match="too large"):
        fits.hyperexponential_mean_cv(1.0, 1e10)
