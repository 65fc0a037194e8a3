"""Units: what is read, what is refused and how, and that what is written reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msforge import units
from msforge.units import UnitError


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("250ms", 250_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5s", 1_500_000_000),
        ("0", 0),
        (0, 0),
        (0.0, 0),
        ("0.3ms", 300_000),
        ("1h", 3_600_000_000_000),
        ("2min", 120_000_000_000),
        ("1us", 1000),
        ("1µs", 1000),
        ("7ns", 7),
        ("1d", 86_400_000_000_000),
        ("0.1ns", 0),
        ("2.5ns", 2),
        ("0.000000001s", 1),
        ("1h1ns", 3_600_000_000_001),
    ],
)
def test_durations(text: object, ns: int) -> None:
    assert units.parse_duration(text) == ns


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5, "E202"),
        (1.5, "E202"),
        ("5", "E202"),
        (True, "E201"),
        (None, "E201"),
        ("", "E201"),
        ("ms", "E201"),
        ("5 ms", "E201"),
        ("5s10m", "E201"),
        ("5s5s", "E201"),
        ("-5ms", "E204"),
        (-1, "E204"),
        ("1e3ms", "E201"),
        ("401d", "E204"),
        ("5ms\n", "E201"),
        ("٣s", "E201"),
        (".5s", "E201"),
        ([], "E201"),
        ({}, "E201"),
        (float("nan"), "E204"),
        (float("inf"), "E204"),
        ("9" * 99 + "s", "E204"),
        ("1:30", "E201"),
    ],
)
def test_what_is_no_duration(value: object, code: str) -> None:
    with pytest.raises(UnitError) as caught:
        units.parse_duration(value)
    assert caught.value.code == code


def test_a_bare_number_is_told_to_take_a_unit() -> None:
    with pytest.raises(UnitError, match="the unit is missing: a rate is needed here, found `50`") as caught:
        units.parse_rate(50)
    assert caught.value.help == "write e.g. 120/s or 6000/min; units are /s, /min, /h, /d"


@pytest.mark.parametrize(
    ("text", "rate"), [("120/s", 120.0), ("6000/min", 100.0), ("0.5/h", 0.5 / 3600), (0, 0.0), ("1e12/s", 1e12)]
)
def test_rates(text: object, rate: float) -> None:
    assert units.parse_rate(text) == rate


@pytest.mark.parametrize("value", ["120", "120/fortnight", "/s", "-1/s", "1e30/s", "nan/s", "1 /s", "0x10/s"])
def test_what_is_no_rate(value: str) -> None:
    with pytest.raises(UnitError):
        units.parse_rate(value)


@pytest.mark.parametrize(
    ("value", "ratio"), [("70%", 0.7), (0.1, 0.1), ("0.5%", 0.005), (1, 1.0), (0, 0.0), ("99.9%", 0.999)]
)
def test_ratios(value: object, ratio: float) -> None:
    assert units.parse_ratio(value) == ratio


def test_a_ratio_above_one_is_told_to_be_a_percent() -> None:
    with pytest.raises(UnitError) as caught:
        units.parse_ratio(50)
    assert caught.value.help == "50 is 5000%; for 50% write 50%"


@pytest.mark.parametrize("value", ["120%", -0.1, "70 %", "half", None, True, float("nan"), "%"])
def test_what_is_no_ratio(value: object) -> None:
    with pytest.raises(UnitError):
        units.parse_ratio(value)


def test_sizes_factors_and_prices() -> None:
    assert [units.parse_size(text) for text in ("2MiB", "1.5kB", "4KiB", "7B", 0)] == [2 << 20, 1500, 4096, 7, 0]
    assert [units.parse_factor(text) for text in ("10x", "1.5x", "0x")] == [10.0, 1.5, 0.0]
    assert [units.parse_price(text) for text in ("0.05/h", "1.2/day", "36.5/month", 0)] == [0.05, 1.2 / 24, 0.05, 0.0]
    assert units.parse_gib_price("0.01/GiB") == 0.01


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (units.parse_size, 4096),
        (units.parse_size, "4 KiB"),
        (units.parse_size, "9999999TB"),
        (units.parse_factor, 10),
        (units.parse_factor, "10"),
        (units.parse_factor, "1e20x"),
        (units.parse_price, 0.05),
        (units.parse_price, "5"),
        (units.parse_price, "1e13/h"),
        (units.parse_gib_price, "0.01"),
    ],
)
def test_units_are_never_guessed(parse: object, value: object) -> None:
    assert callable(parse)
    with pytest.raises(UnitError):
        parse(value)


@given(st.integers(0, units.LONGEST))
def test_durations_read_back(ns: int) -> None:
    assert units.parse_duration(units.format_duration(ns)) == ns


@given(st.floats(0, 1e14, allow_subnormal=False))
def test_rates_read_back(rate: float) -> None:
    assert units.parse_rate(units.format_rate(rate)) == rate


@given(st.floats(0, 1, allow_subnormal=False))
def test_ratios_read_back(ratio: float) -> None:
    assert units.parse_ratio(units.format_ratio(ratio)) == ratio


@given(st.integers(0, 2**50))
def test_sizes_read_back(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@given(st.floats(0, 1e9, allow_subnormal=False))
def test_prices_and_factors_read_back(value: float) -> None:
    assert units.parse_factor(units.format_factor(value)) == value
    assert units.parse_price(units.format_price(value)) == value
    assert units.parse_gib_price(units.format_gib_price(value)) == value


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (90_000_000_000, "1m30s"),
        (250_000_000, "250ms"),
        (1_500_000, "1.5ms"),
        (7, "7ns"),
        (7_200_000_000_000, "2h"),
        (61_500_000_000, "61.5s"),
        (-5_000_000, "-5ms"),
    ],
)
def test_durations_are_written_short(ns: int, text: str) -> None:
    assert units.format_duration(ns) == text


def test_rates_and_ratios_are_written_short() -> None:
    assert [units.format_rate(rate) for rate in (120.0, 0.5, 1 / 60, 1 / 3600)] == ["120/s", "0.5/s", "1/min", "1/h"]
    assert [units.format_ratio(ratio) for ratio in (0.7, 1.0, 0.005, 1 / 3)] == ["70%", "100%", "0.5%", 1 / 3]
