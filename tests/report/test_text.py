"""Words and numbers: short, honest, harmless."""
# ruff: noqa: RUF001

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msforge.report.text import (
    clean,
    clean_lines,
    count,
    duration,
    figure,
    moment,
    money,
    percent,
    plural,
    rate,
    significant,
    sparkline,
    squeeze,
)


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0"),
        (1, "1.00ns"),
        (999, "999ns"),
        (1_500, "1.50µs"),
        (412_345_678, "412ms"),
        (999_400_000, "999ms"),
        (999_600_000, "1.00s"),
        (1_250_000_000, "1.25s"),
        (61e9, "61.0s"),
        (200e9, "3m20s"),
        (7_500e9, "2h05m"),
        (300_000e9, "3.47d"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-5e6, "-5.00ms"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_suits_it(ns: float | None, words: str) -> None:
    assert duration(ns) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.31, "31.0%"),
        (0.9997, "99.97%"),
        (0.99999999, "99.999%"),
        (0.0312, "3.12%"),
        (0.00001, "0.001%"),
        (None, "–"),
    ],
)
def test_a_percentage_never_rounds_a_miss_up_to_everything(ratio: float | None, words: str) -> None:
    assert percent(ratio) == words


@given(st.floats(min_value=1e-6, max_value=1e9, exclude_max=True))
def test_significant_digits_are_within_half_a_unit_of_the_last(value: float) -> None:
    assert float(significant(value)) == pytest.approx(value, rel=0.0051)


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_only_everything_is_100_percent(ratio: float) -> None:
    assert percent(ratio) != "100%"


def test_counts_money_rates_and_moments() -> None:
    assert [count(v) for v in (0, 12345, 3.417, 0.0214, None, math.inf)] == ["0", "12,345", "3.42", "0.021", "–", "∞"]
    assert [money(v) for v in (0, 12.3, 1234.5, 0.00421, None)] == ["0.00", "12.30", "1,234", "0.00421", "–"]
    assert [rate(v) for v in (120, 0.25, 36.94, None)] == ["120/s", "0.250/s", "36.9/s", "–"]
    assert [moment(v) for v in (0, 60e9, 1.5e9, 125e9)] == ["0s", "60s", "1.5s", "2m05s"]
    assert [plural(1, "error"), plural(3, "error"), plural(2, "query", "queries")] == [
        "1 error",
        "3 errors",
        "2 queries",
    ]
    units = ("ns", "ratio", "per_second", "cost", "count")
    assert [figure(0.5, u) for u in units] == ["0.500ns", "50.0%", "0.500/s", "0.500", "0.50"]


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert clean("a\x1b[31mb\x00\x7f\x9b\u202ec\n") == "a\\x1b[31mb\\x00\\x7f\\x9b\\u202ec\\x0a"
    assert clean_lines("one\n\ttwo\r") == "one\n    two\\x0d"
    assert clean("a" * 50, limit=10) == "a" * 9 + "…"


@given(st.text())
def test_clean_text_is_always_printable(text: str) -> None:
    assert clean(text).isprintable()


def test_a_sparkline_tells_nothing_little_and_much_apart() -> None:
    assert sparkline([0, 0.001, 50, 100, math.nan], 5) == "▁▂▅█ "
    assert sparkline([0.5, 1.0], 2, top=1.0) == "▅█"
    assert sparkline([0, 0], 2) == "▁▁"


def test_squeezing_keeps_the_mean_of_each_slice_and_ignores_gaps() -> None:
    assert squeeze([1, 3, 5, 7], 2) == [2, 6]
    assert squeeze([1.0, math.nan], 1) == [1.0]
    assert squeeze([1, 2], 5) == [1, 2]
