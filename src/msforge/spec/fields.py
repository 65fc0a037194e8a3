"""The value types of the language: how one scalar of the file becomes a number, a name or a distribution.

Each type is an `Annotated` alias: a validator that raises `PydanticCustomError` with one of
the codes of `codes.py`, the JSON Schema an editor completes from, and a `Unit` that says
how the value is written back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from msforge import names, units
from msforge.policies.distributions import Dist
from msforge.spec import distributions

UNLIMITED: Final = -1
MOST: Final = 1_000_000_000
"""No count in a file is larger: beyond it lies a slip of the finger."""


class Part(BaseModel):
    """Base of everything in the language: unknown keys are errors, values are never guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)

    def tidy(self, out: dict[str, Any]) -> None:
        """Takes out of the resolved mapping what has no meaning beside the rest of it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How a field's value is written: `write` gives the scalar for a file, `shown` names the type in the reference."""

    shown: str
    write: Callable[[Any], Any]


def fail(code: str, text: str, help: str = "", at: str = "") -> PydanticCustomError:
    """An error that `diagnose` turns into a Diagnostic with this code; `at` names the key inside that is meant."""
    return PydanticCustomError("msforge", "{text}", {"code": code, "text": text, "help": help, "at": at})


def shown(value: object) -> str:
    """A value as an error message quotes it."""
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."
        return f"`{text}`"
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, float) and not math.isfinite(value):
        return "`.nan`" if math.isnan(value) else "`.inf`" if value > 0 else "`-.inf`"
    return f"`{value}`"


def _unit(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        try:
            return parse(value)
        except units.UnitError as error:
            raise fail(error.code, str(error), error.help) from None

    return check


def _digits(value: Any) -> str:
    """How to write what looks like a number to a person but is text in YAML 1.2."""
    text = value.replace("_", "").replace(",", "") if isinstance(value, str) else ""
    return f"write {int(text)}" if text.isdecimal() and text.isascii() and text != value and len(text) < 20 else ""


def _count(least: int, unlimited: bool, most: int = MOST) -> Callable[[Any], int]:
    also = " or `unlimited`" if unlimited else ""

    def check(value: Any) -> int:
        if unlimited and value == "unlimited":
            return UNLIMITED
        if isinstance(value, bool) or not isinstance(value, int):
            if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
                value = int(value)
            else:
                raise fail("E203", f"expected a whole number{also}, found {shown(value)}", _digits(value))
        if value < least:
            raise fail("E204", f"{value} is too small: the least is {least}")
        if value > most:
            hint = "write `unlimited` for no limit" if unlimited else ""
            raise fail("E204", f"{value} is too large: the most is {most}", hint)
        return int(value)

    return check


def write_count(value: int) -> int | str:
    """A count as a file writes it."""
    return "unlimited" if value == UNLIMITED else value


_WHOLE = Unit("whole number", lambda value: value)
_LIMIT = Unit("whole number or `unlimited`", write_count)


def _count_schema(least: int, unlimited: bool, most: int = MOST) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": least, "maximum": most}
    return {"anyOf": [whole, {"const": "unlimited"}]} if unlimited else whole


Whole = Annotated[int, PlainValidator(_count(0, False)), WithJsonSchema(_count_schema(0, False)), _WHOLE]
Positive = Annotated[int, PlainValidator(_count(1, False)), WithJsonSchema(_count_schema(1, False)), _WHOLE]
Limit = Annotated[int, PlainValidator(_count(1, True)), WithJsonSchema(_count_schema(1, True)), _LIMIT]
Capacity = Annotated[int, PlainValidator(_count(0, True)), WithJsonSchema(_count_schema(0, True)), _LIMIT]


MOST_COPIES: Final = 100_000
MOST_AT_ONCE: Final = 1_000_000


def _bounded(least: int, unlimited: bool, most: int) -> tuple[Any, Any]:
    return PlainValidator(_count(least, unlimited, most)), WithJsonSchema(_count_schema(least, unlimited, most))


Copies = Annotated[int, *_bounded(0, False, MOST_COPIES), _WHOLE]
"""Things that each exist in a run, such as replicas."""
PositiveCopies = Annotated[int, *_bounded(1, False, MOST_COPIES), _WHOLE]
Users = Annotated[int, *_bounded(1, False, MOST_AT_ONCE), _WHOLE]
Places = Annotated[int, *_bounded(1, True, MOST_AT_ONCE), _LIMIT]
"""What is served at once: threads, connections."""


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise fail("E203", f"expected a whole number, found {shown(value)}")
    if not 0 <= value < 1 << 63:
        raise fail("E204", "a seed lies between 0 and 9223372036854775807")
    return value


Seed = Annotated[int, PlainValidator(_seed), WithJsonSchema({"type": "integer", "minimum": 0}), _WHOLE]


def _number(least: float, above: bool = False) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise fail("E203", f"expected a number, found {shown(value)}")
        if not math.isfinite(value) or value > 1e15:
            raise fail("E204", f"{shown(value)} is not a number msforge can work with")
        if value < least or (above and value == least):
            raise fail("E204", f"{value} is too small: it must be {'more than' if above else 'at least'} {least:g}")
        return float(value)

    return check


def write_number(value: float) -> int | float:
    """A number without a needless `.0`."""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value


_NUMBER = Unit("number", write_number)
Number = Annotated[float, PlainValidator(_number(0)), WithJsonSchema({"type": "number", "minimum": 0}), _NUMBER]
PositiveNumber = Annotated[
    float, PlainValidator(_number(0, above=True)), WithJsonSchema({"type": "number", "exclusiveMinimum": 0}), _NUMBER
]
AtLeastOne = Annotated[float, PlainValidator(_number(1)), WithJsonSchema({"type": "number", "minimum": 1}), _NUMBER]

_DURATION = Unit("duration", units.format_duration)
_DURATION_SCHEMA = {"anyOf": [{"type": "string", "pattern": units.DURATION_PATTERN}, {"const": 0}]}
Duration = Annotated[int, PlainValidator(_unit(units.parse_duration)), WithJsonSchema(_DURATION_SCHEMA), _DURATION]


def _positive_duration(value: Any) -> int:
    parsed = units.parse_duration(value)
    if parsed == 0:
        raise units.UnitError("a duration longer than 0 is needed here", code="E204")
    return parsed


PositiveDuration = Annotated[
    int,
    PlainValidator(_unit(_positive_duration)),
    WithJsonSchema({"type": "string", "pattern": units.DURATION_PATTERN}),
    _DURATION,
]


def _write_rate(value: float) -> str:
    return units.format_rate(value)


_RATE_SCHEMA = {"anyOf": [{"type": "string", "pattern": units.RATE_PATTERN}, {"const": 0}]}
Rate = Annotated[
    float, PlainValidator(_unit(units.parse_rate)), WithJsonSchema(_RATE_SCHEMA), Unit("rate", _write_rate)
]


def _positive_rate(value: Any) -> float:
    parsed = units.parse_rate(value)
    if parsed == 0:
        raise units.UnitError("a rate above 0 is needed here", code="E204")
    return parsed


PositiveRate = Annotated[
    float,
    PlainValidator(_unit(_positive_rate)),
    WithJsonSchema({"type": "string", "pattern": units.RATE_PATTERN}),
    Unit("rate", _write_rate),
]
Ratio = Annotated[
    float,
    PlainValidator(_unit(units.parse_ratio)),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": units.RATIO_PATTERN}, {"type": "number", "minimum": 0, "maximum": 1}]}
    ),
    Unit("ratio", units.format_ratio),
]


def _positive_ratio(value: Any) -> float:
    parsed = units.parse_ratio(value)
    if parsed == 0:
        raise units.UnitError("a share above 0 is needed here", code="E204")
    return parsed


PositiveRatio = Annotated[
    float,
    PlainValidator(_unit(_positive_ratio)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": units.RATIO_PATTERN},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ]
        }
    ),
    Unit("ratio", units.format_ratio),
]
Size = Annotated[
    int,
    PlainValidator(_unit(units.parse_size)),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": units.SIZE_PATTERN}, {"const": 0}]}),
    Unit("size", units.format_size),
]
PricePerHour = Annotated[
    float,
    PlainValidator(_unit(units.parse_price)),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": units.PRICE_PATTERN}, {"const": 0}]}),
    Unit("price per hour", units.format_price),
]
PricePerGib = Annotated[
    float,
    PlainValidator(_unit(units.parse_gib_price)),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": units.GIB_PRICE_PATTERN}, {"const": 0}]}),
    Unit("price per GiB", units.format_gib_price),
]
Factor = Annotated[
    float,
    PlainValidator(_unit(units.parse_factor)),
    WithJsonSchema({"type": "string", "pattern": units.FACTOR_PATTERN}),
    Unit("factor", units.format_factor),
]


def _weight(value: Any) -> float:
    if isinstance(value, str):
        return units.parse_ratio(value)
    return _number(0)(value)


Weight = Annotated[
    float,
    PlainValidator(_unit(_weight)),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": units.RATIO_PATTERN}]}),
    _NUMBER,
]


# -- distributions ---------------------------------------------------------------------


def folder_of(info: ValidationInfo) -> Path | None:
    """The folder of the file being read, where `empirical(...)` and `replay` look for theirs."""
    context = info.context
    return context.get("folder") if isinstance(context, dict) else None


def _times(value: Any, info: ValidationInfo) -> Dist:
    return _dist(value, info, distributions.DURATION)


def _counts(value: Any, info: ValidationInfo) -> Dist:
    return _dist(value, info, distributions.COUNT)


def _dist(value: Any, info: ValidationInfo, of: distributions.Measure) -> Dist:
    try:
        return distributions.parse(value, of, folder_of(info))
    except units.UnitError as error:
        raise fail(error.code, str(error), error.help) from None


Time = Annotated[
    Dist,
    PlainValidator(_times),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": distributions.DURATION_PATTERN}, {"const": 0}]}),
    Unit("duration or distribution", distributions.write_duration),
]
Count = Annotated[
    Dist,
    PlainValidator(_counts),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": distributions.COUNT_PATTERN}]}
    ),
    Unit("whole number or distribution", distributions.write_count),
]
ZERO_TIME: Final = Dist("constant", (0.0,))
MILLISECOND: Final = Dist("constant", (1e6,))


# -- names and references ---------------------------------------------------------------


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise fail("E301", f"a name is needed here, found {shown(value)}", 'put it in quotes: "..."')
    problem = names.problem(value)
    if problem:
        raise fail("E301", problem, names.RULE)
    return value


Name = Annotated[
    str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": names.PATTERN}), Unit("name", str)
]


def _endpoint(value: Any) -> str:
    if not isinstance(value, str):
        raise fail("E302", f"an endpoint is needed here, written service.endpoint, found {shown(value)}")
    service, dot, endpoint = value.partition(".")
    if not dot or names.problem(service) or names.problem(endpoint):
        raise fail("E302", f"{shown(value)} is not an endpoint", "write service.endpoint, e.g. order.place")
    return value


_ENDPOINT_PATTERN = names.PATTERN[:-1] + r"\." + names.PATTERN[1:]
EndpointRef = Annotated[
    str,
    PlainValidator(_endpoint),
    WithJsonSchema({"type": "string", "pattern": _ENDPOINT_PATTERN}),
    Unit("service.endpoint", str),
]


class Link(NamedTuple):
    """`a -> b`: one direction between two parties of the network."""

    caller: str
    callee: str


_LINK = re.compile(r"\s*(\S+)\s*->\s*(\S+)\s*")


def _link(value: Any) -> Link:
    match = _LINK.fullmatch(value) if isinstance(value, str) and len(value) <= 300 else None
    if match is None or names.problem(match[1]) or names.problem(match[2]):
        raise fail("E303", f"{shown(value)} is not a link", "write a -> b, e.g. order -> payment")
    return Link(match[1], match[2])


LinkRef = Annotated[
    Link,
    PlainValidator(_link),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\S+\s*->\s*\S+\s*$"}),
    Unit("a -> b", lambda link: f"{link.caller} -> {link.callee}"),
]
