"""Distributions as text: what comes out has the moments and percentiles that were written."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from msforge.policies.distributions import Dist
from msforge.spec.distributions import COUNT, DURATION, parse
from msforge.units import UnitError

MS = 1e6


@pytest.mark.parametrize(
    ("text", "dist"),
    [
        ("5ms", Dist("constant", (5 * MS,))),
        (0, Dist("constant", (0.0,))),
        ("exponential(5ms)", Dist("exponential", (5 * MS,))),
        ("exponential(mean=5ms)", Dist("exponential", (5 * MS,))),
        ("uniform(2ms 8ms)", Dist("uniform", (2 * MS, 8 * MS))),
        ("uniform(2ms, 8ms)", Dist("uniform", (2 * MS, 8 * MS))),
        ("uniform( low = 2ms high = 8ms )", Dist("uniform", (2 * MS, 8 * MS))),
        ("normal(5ms 1ms)", Dist("normal", (5 * MS, 1 * MS))),
        ("normal(mean=5ms cv=0.2)", Dist("normal", (5 * MS, 1 * MS))),
        ("gamma(mean=5ms cv=0.5)", Dist("gamma", (4.0, 1.25 * MS))),
        ("gamma(shape=4 scale=1ms)", Dist("gamma", (4.0, MS))),
        ("gamma(mean=5ms cv=0)", Dist("constant", (5 * MS,))),
        ("erlang(k=3 mean=5ms)", Dist("erlang", (3.0, 5 * MS))),
        ("pareto(scale=2ms alpha=2.5)", Dist("pareto", (2 * MS, 2.5))),
        ("weibull(scale=5ms shape=0.8)", Dist("weibull", (5 * MS, 0.8))),
        ("hyperexponential(90% 2ms 10% 50ms)", Dist("hyperexponential", (0.9, 2 * MS, 0.1, 50 * MS))),
        ("empirical(5ms 1ms 2ms)", Dist("empirical", (1 * MS, 2 * MS, 5 * MS))),
        (
            "mixture(99% exponential(2ms) 1% 200ms)",
            Dist("mixture", (0.99, 0.01), (Dist("exponential", (2 * MS,)), Dist("constant", (200 * MS,)))),
        ),
    ],
)
def test_durations(text: object, dist: Dist) -> None:
    assert parse(text, DURATION) == dist


@pytest.mark.parametrize(
    ("text", "mean", "p99"),
    [
        ("lognormal(mean=5ms p99=30ms)", 5 * MS, 30 * MS),
        ("lognormal(median=40ms p99=400ms)", None, 400 * MS),
        ("lognormal(mean=6ms cv=1.5)", 6 * MS, None),
        ("lognormal(median=6ms cv=0.5)", None, None),
        ("hyperexponential(mean=5ms cv=2)", 5 * MS, None),
    ],
)
def test_moments_and_percentiles_are_those_written(text: str, mean: float | None, p99: float | None) -> None:
    dist = parse(text, DURATION)
    if mean is not None:
        assert dist.mean == pytest.approx(mean, rel=1e-9)
    if p99 is not None:
        assert dist.quantile(0.99) == pytest.approx(p99, rel=1e-6)
    if "cv=" in text:
        assert math.sqrt(dist.scv) == pytest.approx(float(text.split("cv=")[1][:-1]), rel=1e-9)
    if "median=" in text:
        assert dist.quantile(0.5) == pytest.approx(float(text.split("median=")[1].split("ms")[0]) * MS, rel=1e-9)


def test_of_two_lognormals_that_fit_the_narrower_is_taken() -> None:
    assert parse("lognormal(mean=5ms p99=30ms)", DURATION).params[1] < 2.326


def test_counts() -> None:
    assert parse(3, COUNT) == Dist("constant", (3.0,))
    assert parse("uniform(1 5)", COUNT) == Dist("uniform", (1.0, 5.0))
    assert parse("zipf(n=1000 s=1.1)", COUNT) == Dist("zipf", (1000.0, 1.1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exponental(5ms)", "there is no distribution `exponental`"),
        ("uniform(5ms)", "uniform: takes low and high, found 1 value"),
        ("uniform(9ms 2ms)", "uniform: needs 0 <= low <= high"),
        ("exponential(5)", "exponential: the unit is missing: a duration is needed here, found `5`"),
        ("exponential(-5ms)", "exponential: a duration cannot be negative: `-5ms`"),
        ("lognormal(5ms 30ms)", "lognormal: its arguments need names"),
        (
            "lognormal(mean=5ms p99=500ms)",
            "no lognormal has its 99th percentile at 100 times its mean: the most is 14.97",
        ),
        ("lognormal(median=5ms p99=2ms)", "lognormal: the p99 must not be below the median"),
        ("lognormal(mean=0 p99=2ms)", "lognormal: the mean must be above 0"),
        ("mixture(50% 2ms 40% 3ms)", "mixture: the shares add up to 90%, not 100%"),
        ("zipf(n=10 s=1)", "zipf: draws a rank, not a duration"),
        ("erlang(k=2.5 mean=5ms)", "erlang: k must be a whole number >= 1 and the mean >= 0"),
        ("gamma(mean=5ms cv=1e9)", "gamma: cv is at most 1000"),
        ("exponential(5ms", "`exponential(5ms` has no closing `)` at its end"),
        ("exponential((5ms)", "the parentheses of `exponential(...)` do not match"),
        ("empirical(none.csv)", "`none.csv` cannot be read: this description has no folder"),
    ],
)
def test_what_is_no_distribution(text: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text, DURATION)
    assert str(caught.value) == message


def test_nesting_is_bounded() -> None:
    text = "2ms"
    for _ in range(50):
        text = f"mixture(50% {text} 50% exponential(1ms))"
    with pytest.raises(UnitError, match="nested too deeply"):
        parse(text, DURATION)


def test_samples_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("latency,host\n0.005,a\n1ms,b\n# nothing\n\n0.002,c\n", encoding="utf-8")
    assert parse("empirical(samples.csv)", DURATION, tmp_path).params == (1 * MS, 2 * MS, 5 * MS)


@pytest.mark.parametrize("name", ["../samples.csv", "/etc/passwd", "C:\\x.csv", "a/../../x.csv", "none.csv", "."])
def test_files_stand_beside_the_description(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnitError) as caught:
        parse(f"empirical({name})", DURATION, tmp_path)
    assert caught.value.code == "E208"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "`bad.csv` has no values"),
        (b"heading\n", "`bad.csv` has no values"),
        (b"1\nno\n", "line 2 of `bad.csv` has no number: `no`"),
        (b"1\n-1\n", "line 2 of `bad.csv` has no number: `-1`"),
        (b"\xff\xfe\x00", "`bad.csv` is not a text file"),
        (b"1\nnan\n", "line 2 of `bad.csv` has no number: `nan`"),
        (b"1\ninf\n", "line 2 of `bad.csv` has no number: `inf`"),
    ],
)
def test_files_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(UnitError) as caught:
        parse("empirical(bad.csv)", DURATION, tmp_path)
    assert str(caught.value) == message
