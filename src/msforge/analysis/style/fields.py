"""The numbers that the advice rests on: how each is written, asked for, and what is taken when nobody says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from msforge.units import (
    UnitError,
    format_duration,
    format_factor,
    format_price,
    format_rate,
    format_ratio,
    format_size,
    parse_duration,
    parse_factor,
    parse_price,
    parse_rate,
    parse_ratio,
    parse_size,
)

MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Field:
    """One number. `asked`: a person is asked for it at a terminal; the others are changed by file or option."""

    name: str
    parse: Callable[[Any], Any]
    format: Callable[[Any], Any]
    question: str
    shown: str
    """The value that is taken when nobody says, as it is written; "" when it follows from others."""
    why: str
    """Where that value comes from."""
    asked: bool = False


def parse_count(value: Any) -> int:
    """A whole number from 1 to 100,000."""
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise UnitError(f"a whole number is needed here, found `{value}`", "write e.g. 12")
    if not 1 <= number <= MOST:
        raise UnitError(f"{number} is not between 1 and {MOST:,}", "write e.g. 12", "E204")
    return number


def parse_number(value: Any) -> float:
    """A number above 0, at most 100,000."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None:
        raise UnitError(f"a number is needed here, found `{value}`", "write e.g. 12 or 0.5")
    if not 0 < number <= MOST:
        raise UnitError(f"{value} is not above 0 and at most {MOST:,}", "write e.g. 12 or 0.5", "E204")
    return number


def _above(parse: Callable[[Any], Any], least: float, most: float, example: str) -> Callable[[Any], Any]:
    """`parse`, held to a range."""
    def held(value: Any) -> Any:
        found = parse(value)
        if not least <= found <= most:
            raise UnitError(f"`{value}` is out of range here", f"write e.g. {example}", "E204")
        return found

    return held


def format_number(value: float) -> str:
    """12.0 -> 12."""
    return f"{value:.12g}"


def _ratio(value: Any) -> float:
    """A share; on a command line a fraction is text as well: `0.999` is `99.9%`."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    return parse_ratio(value)


_NS: Final = 1e-9
_duration = _above(parse_duration, 1.0, 400 * 86_400e9, "200ms")
_share = _above(_ratio, 1e-6, 1 - 1e-6, "20%")
_sure = _above(_ratio, 0.5, 1 - 1e-9, "99.9%")

FIELDS: Final = (
    Field("engineers", parse_count, str, "How many people change the code?", "8", "one two-pizza team", True),
    Field("services", parse_count, str, "How many services are planned (1: none yet)?", "1", "nothing planned", True),
    Field("rate", _above(parse_rate, 1e-6, 1e9, "50/s"), format_rate,
          "How many requests come at an ordinary peak?", "50/s", "assumed", True),
    Field("cpu", _duration, format_duration, "How much CPU time does a request take in all?", "10ms", "assumed", True),
    Field("budget", _duration, format_duration, "How long may a request take (the 99th percentile)?", "500ms",
          "assumed", True),
    Field("alone", _duration, format_duration, "How long would it take in one program, databases included?", "100ms",
          "assumed", True),
    Field("deploys", parse_number, format_number, "How many deployments a day do you want?", "",
          "one for two people, as teams that integrate daily do", True),
    Field("deploy_time", _duration, format_duration, "How long does one take, from merge to all replicas?", "30m",
          "assumed", True),
    Field("peak", _above(parse_factor, 1.0, 1e6, "3x"), format_factor,
          "To how many times its load does the most uneven part rise while the rest stays?", "1x",
          "all parts rise and fall together", True),
    Field("share", _share, format_ratio, "What share of the CPU time is that part's?", "20%", "assumed", True),
    Field("languages", parse_count, str, "How many languages or runtimes are needed?", "1", "assumed", True),
    Field("availability", _sure, format_ratio, "What share of requests has to be answered?", "99.9%", "assumed", True),
    Field("each", _sure, format_ratio, "Availability of one deployable", "99.99%",
          "what large clouds promise for replicas in several zones; less in one"),
    Field("hop", _duration, format_duration, "What one call between services adds", "2ms",
          "an HTTP call between two small Python services on one machine: p99 1.95 to 2.2 ms"),
    Field("hops", parse_number, format_number, "Calls in a row in the longest request of the plan", "",
          "the worst case: every boundary is crossed"),
    Field("required", parse_count, str, "Services of the plan that a request needs", "", "the worst case: all of them"),
    Field("team", parse_count, str, "People in a team", "8", "rule of thumb: two-pizza teams (Amazon)"),
    Field("own", parse_count, str, "Deployables that a team can own", "3",
          "rule of thumb: two to three simple domains a team (Skelton and Pais)"),
    Field("day", _duration, format_duration, "Working time of a day", "8h", "assumed"),
    Field("month", _duration, format_duration, "Working time of a person in a month", "140h", "assumed"),
    Field("upkeep", _duration, format_duration, "Work that one more deployable costs in a month", "8h",
          "assumed: pipeline, upgrades, alarms; measure your own"),
    Field("engineer_price", parse_price, format_price, "What a person costs", "60/h", "assumed; any currency"),
    Field("core_price", parse_price, format_price, "What a core costs", "0.0405/h",
          "AWS Fargate's list price (us-east-1, Linux/x86) in dollars"),
    Field("memory_price", parse_price, format_price, "What a GiB of memory costs", "0.00445/h",
          "the same list, where a GB is priced"),
    Field("memory", parse_size, format_size, "Memory of the whole program in one process", "1GiB", "assumed"),
    Field("process", parse_size, format_size, "Memory that any process takes before it does anything", "128MiB",
          "assumed"),
)
BY_NAME: Final = {field.name: field for field in FIELDS}
