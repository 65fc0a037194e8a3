"""Units: how durations, rates, sizes, ratios and prices are written, and how they are written back.

Every parser takes what YAML gives (a string or a number) and raises `UnitError`, whose
message says what was found and whose `help` says how to write it. `format_*` gives the
shortest text that parses back to exactly the same value.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any, Final

NANOSECOND: Final = 1
MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
LONGEST: Final = 400 * DAY
"""No duration in a file is longer: simulated time is a 64-bit count of ns, with room to spare."""
MOST_PER_SECOND: Final = 1e15

_TIME: Final = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "min": MINUTE,
    "h": HOUR,
    "d": DAY,
}
_PER: Final = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = {
    "B": 1,
    "KB": 10**3,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_HOURS: Final = {"h": 1.0, "day": 24.0, "month": 730.0, "year": 8760.0}

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
DURATION_PATTERN: Final = rf"^(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|min|m|h|d))+$"
RATE_PATTERN: Final = rf"^{_NUMBER}(?:[eE][-+]?[0-9]+)?/(?:s|sec|min|m|h|d)$"
SIZE_PATTERN: Final = rf"^{_NUMBER}(?:B|[kKMGT]B|[KMGT]iB)$"
RATIO_PATTERN: Final = rf"^{_NUMBER}(?:[eE][-+]?[0-9]+)?%$"
PRICE_PATTERN: Final = rf"^{_NUMBER}(?:[eE][-+]?[0-9]+)?/(?:h|day|month|year)$"
GIB_PRICE_PATTERN: Final = rf"^{_NUMBER}(?:[eE][-+]?[0-9]+)?/(?:GiB|GB)$"
FACTOR_PATTERN: Final = rf"^{_NUMBER}(?:[eE][-+]?[0-9]+)?x$"

_DURATION = re.compile(DURATION_PATTERN)
_DURATION_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|min|m|h|d)")
_SIMPLE_DURATION = re.compile(r"([0-9]{1,9})(ms|us|s|m)\Z")


class UnitError(ValueError):
    """A value that is not what its unit asks for. `help` says how to write it; `code` is the diagnostic's."""

    def __init__(self, message: str, help: str = "", code: str = "E201") -> None:
        super().__init__(message)
        self.help = help
        self.code = code


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, float) and not math.isfinite(value):
        return "`.nan`" if math.isnan(value) else "`.inf`" if value > 0 else "`-.inf`"
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _wrong(value: object, what: str, example: str, units: str) -> UnitError:
    """The error for a value of the wrong shape; a bare number is told that its unit is missing."""
    units = f"; units are {units}" if units else ""
    if _is_number(value) or (isinstance(value, str) and re.fullmatch(r"-?[0-9.]+", value)):
        if str(value).startswith("-"):
            return UnitError(f"{what} cannot be negative: {_shown(value)}", f"write e.g. {example}", "E204")
        if value != value or value in (math.inf, -math.inf):
            return UnitError(f"{_shown(value)} is not {what}", f"write e.g. {example}", "E204")
        return UnitError(
            f"the unit is missing: {what} is needed here, found {_shown(value)}",
            f"write e.g. {example}{units}",
            "E202",
        )
    if isinstance(value, str) and value.startswith("-"):
        return UnitError(f"{what} cannot be negative: {_shown(value)}", f"write e.g. {example}", "E204")
    return UnitError(f"{what} is needed here, found {_shown(value)}", f"write e.g. {example}{units}")


def _is_zero(value: object) -> bool:
    return (_is_number(value) and value == 0) or value == "0"


# -- durations -------------------------------------------------------------------------


def parse_duration(value: Any) -> int:
    """`250ms`, `1m30s`, `1.5h` or `0` -> integer nanoseconds. Exact; a fraction of a ns is rounded to even."""
    if isinstance(value, str):
        simple = _SIMPLE_DURATION.match(value)
        if simple:
            total = int(simple[1]) * _TIME[simple[2]]
            if total <= LONGEST:
                return total
    if _is_zero(value):
        return 0
    if not isinstance(value, str) or len(value) > 100 or not _DURATION.match(value) or value.endswith("\n"):
        if (
            isinstance(value, str)
            and len(value) <= 100
            and re.search(r"\s", value.strip())
            and _DURATION.match(re.sub(r"\s", "", value))
        ):
            return _spaced(value)
        clock = re.fullmatch(r"([0-9]{1,4}):([0-5][0-9])", value) if isinstance(value, str) else None
        if clock:
            raise UnitError(f"a duration has units, found {_shown(value)}", f"write {clock[1]}m{clock[2]}s")
        raise _wrong(value, "a duration", "250ms, 1.5s or 1m30s", "ns, us, ms, s, m (or min), h, d")
    with localcontext() as context:
        context.prec = 60
        exact = sum((Decimal(number) * _TIME[unit] for number, unit in _DURATION_PART.findall(value)), Decimal(0))
    if exact > LONGEST:
        raise UnitError(f"{_shown(value)} is too long: the longest duration is 400 days", "", "E204")
    sizes = [_TIME[unit] for _, unit in _DURATION_PART.findall(value)]
    if any(later >= earlier for earlier, later in pairwise(sizes)):
        raise UnitError(f"the units of {_shown(value)} are out of order", "write the larger unit first: 1m30s")
    return int(exact.to_integral_value())


def _spaced(value: str) -> int:
    raise UnitError(f"a duration is written without spaces, found {_shown(value)}", f"write {''.join(value.split())}")


def format_duration(ns: int) -> str:
    """Integer nanoseconds as the shortest exact text: 90 s is `1m30s`, 1500 us is `1.5ms`."""
    if ns < 0:
        return f"-{format_duration(-ns)}"
    if ns == 0:
        return "0s"
    if ns >= MINUTE and ns % SECOND == 0:
        words, rest = [], ns
        for unit, size in (("h", HOUR), ("m", MINUTE), ("s", SECOND)):
            many, rest = divmod(rest, size)
            if many:
                words.append(f"{many}{unit}")
        return "".join(words)
    for unit, size in (("s", SECOND), ("ms", MILLISECOND), ("us", MICROSECOND)):
        if ns >= size:
            with localcontext() as context:
                context.prec = 40
                text = f"{Decimal(ns) / size:f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
    return f"{ns}ns"


# -- rates -----------------------------------------------------------------------------


def parse_rate(value: Any) -> float:
    """`120/s`, `6000/min`, `0.5/h` or `0` -> per second."""
    if _is_zero(value):
        return 0.0
    match = re.match(RATE_PATTERN, value) if isinstance(value, str) and len(value) <= 40 else None
    if match is None or value.endswith("\n"):
        raise _wrong(value, "a rate", "120/s or 6000/min", "/s, /min, /h, /d")
    number, _, unit = value.partition("/")
    rate = float(number) / _PER[unit]
    if rate > MOST_PER_SECOND:
        raise UnitError(f"{_shown(value)} is beyond any system: the highest rate is 1e15/s", "", "E204")
    return rate


def _decimal(number: float) -> str:
    """The shortest decimal text of a float, without an exponent where that is readable."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    text = repr(number)
    plain = text if "e" not in text else f"{Decimal(text):f}"
    return plain if len(plain) <= 24 else text


def format_rate(per_second: float) -> str:
    """Per second -> `120/s`. Slow rates are written per minute or hour where that is exact and shorter."""
    best = f"{_decimal(per_second)}/s"
    for unit, seconds in (("min", 60.0), ("h", 3600.0)):
        text = _decimal(round(per_second * seconds, 9))
        if per_second < 1 and float(text) / seconds == per_second and len(text) + len(unit) + 1 < len(best):
            return f"{text}/{unit}"
    return best


# -- ratios, factors, sizes, prices -------------------------------------------------------


def parse_ratio(value: Any) -> float:
    """`70%` or `0.7` -> 0.7. Between 0 and 1."""
    example = "10% or 0.1"
    if isinstance(value, str) and len(value) <= 40 and re.match(RATIO_PATTERN, value) and not value.endswith("\n"):
        with localcontext() as context:
            context.prec = 40
            ratio = float(Decimal(value[:-1]) / 100)
    elif _is_number(value):
        ratio = float(value)
    else:
        raise UnitError(f"a share is needed here, found {_shown(value)}", f"write a percent or a fraction: {example}")
    if not 0 <= ratio <= 1:
        more = f"{_decimal(ratio)} is {_decimal(ratio * 100)}%; " if _is_number(value) and 1 < ratio <= 100 else ""
        raise UnitError(
            f"a share lies between 0 and 1 (0% and 100%), found {_shown(value)}",
            f"{more}write e.g. {example}" if not more else f"{more}for {_decimal(ratio)}% write {_decimal(ratio)}%",
            "E204",
        )
    return ratio


def format_ratio(ratio: float) -> str | float:
    """0.7 -> `70%`; a fraction where the percent would not be exact."""
    with localcontext() as context:
        context.prec = 40
        text = f"{Decimal(repr(ratio)) * 100:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}%" if len(text) <= 8 else ratio


def parse_factor(value: Any) -> float:
    """`10x` -> 10.0."""
    match = re.match(FACTOR_PATTERN, value) if isinstance(value, str) and len(value) <= 40 else None
    if match is None or value.endswith("\n"):
        raise _wrong(value, "a factor", "10x or 1.5x", "")
    factor = float(value[:-1])
    if factor > 1e9:
        raise UnitError(f"{_shown(value)} is too large: the largest factor is 1e9x", "", "E204")
    return factor


def format_factor(factor: float) -> str:
    """10.0 -> `10x`."""
    return f"{_decimal(factor)}x"


def parse_size(value: Any) -> int:
    """`2MiB`, `1.5kB` or `0` -> bytes."""
    if _is_zero(value):
        return 0
    if not isinstance(value, str) or len(value) > 40 or not re.match(SIZE_PATTERN, value) or value.endswith("\n"):
        raise _wrong(value, "a size", "4KiB or 2MiB", "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB")
    match = re.match(_NUMBER, value)
    assert match is not None
    size = Decimal(match[0]) * _SIZE[value[match.end() :]]
    if size > 2**50:
        raise UnitError(f"{_shown(value)} is too large: the largest size is 1024TiB", "", "E204")
    return int(size)


def format_size(size: int) -> str:
    """Bytes -> the largest unit that is exact: 4096 is `4KiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB", "kB"):
        if size and size % _SIZE[unit] == 0:
            return f"{size // _SIZE[unit]}{unit}"
    return f"{size}B"


def _price(value: Any, pattern: str, per: dict[str, float], what: str, example: str, units: str) -> float:
    if _is_zero(value):
        return 0.0
    if not isinstance(value, str) or len(value) > 40 or not re.match(pattern, value) or value.endswith("\n"):
        raise _wrong(value, what, example, units)
    number, _, unit = value.partition("/")
    price = float(number) / per[unit]
    if price > 1e12:
        raise UnitError(f"{_shown(value)} is too dear to be meant", "", "E204")
    return price


def parse_price(value: Any) -> float:
    """`0.05/h`, `1.20/day`, `36/month` (730 h) or `0` -> per hour."""
    return _price(value, PRICE_PATTERN, _HOURS, "a price per time", "0.05/h or 36/month", "/h, /day, /month, /year")


def format_price(per_hour: float) -> str:
    """Per hour -> `0.05/h`."""
    return f"{_decimal(per_hour)}/h"


def parse_gib_price(value: Any) -> float:
    """`0.01/GiB` or `0.01/GB` -> per GiB."""
    per = {"GiB": 1.0, "GB": 10**9 / 2**30}
    return _price(value, GIB_PRICE_PATTERN, per, "a price per size", "0.01/GiB", "/GiB, /GB")


def format_gib_price(per_gib: float) -> str:
    """Per GiB -> `0.01/GiB`."""
    return f"{_decimal(per_gib)}/GiB"
