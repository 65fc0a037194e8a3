"""A number of the Result, found by where it stands, with the unit that the Result says it has.

`services[payment].utilisation`, `entries[shoppers -> gateway.checkout].answered.p99`, `cost.per_month`. `[...]` picks
an item of a list by its name (or text, or number), `[kind=deploy]` all with this value; a list has `count`, `sum` and
`last` (of an empty one, nothing). A measured figure stands for its value. Works on a Result and on the plain data of
its JSON alike.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from msforge import units

_PART = re.compile(r"([\w]+)((?:\[[^\]]+\])*)(?:\.|$)")
_UNITS = {"ns": "ns", "0..1": "ratio", "1/s": "per_second"}
_NAMED = ("name", "text", "entry")


class FigureError(LookupError):
    """There is no such number in the Result."""


class Figure(NamedTuple):
    """A number and its unit: `ns`, `ratio`, `per_second`, `cost` or `count`. `value` None: nothing was measured."""

    value: float | None
    unit: str


def forgiving(look: Callable[[str], Figure]) -> Callable[[str], Figure]:
    """As `look`; what a learner has taken away was not measured. For texts, which have to be told all the same."""

    def found(name: str) -> Figure:
        try:
            return look(name)
        except FigureError:
            return Figure(None, "count")

    return found


def look_up(result: Any, path: str) -> Figure:
    """The number at `path`. Raises FigureError, which says what is there instead."""
    here, unit, done = result, "cost" if path.startswith("cost.") else "count", 0
    for match in _PART.finditer(path):
        if match.start() != done:
            break
        done = match.end()
        here, unit = _inside(here, match[1], path, unit)
        for item in re.findall(r"\[([^\]]+)\]", match[2]):
            here = _item(here, item, path)
        if here is None:  # the last of nothing, or what was not measured
            return Figure(None, unit)
    if done != len(path) or not path:
        raise FigureError(f"`{path}` is not a place in the Result")
    if hasattr(here, "half_width"):
        here = here.value
    elif isinstance(here, dict) and "value" in here:
        here = here["value"]
    if here is None:
        return Figure(None, unit)
    if isinstance(here, bool) or not isinstance(here, int | float):
        raise FigureError(f"`{path}` is not a number")
    return Figure(float(here), unit)


def _inside(here: Any, key: str, path: str, unit: str) -> tuple[Any, str]:
    if isinstance(here, list):
        if key == "count":
            return len(here), "count"
        if key == "sum":
            return sum(here), unit
        if key == "last":
            return (here[-1] if here else None), unit
    elif isinstance(here, dict) and key in here:
        return here[key], unit
    elif dataclasses.is_dataclass(here):
        for field in dataclasses.fields(here):
            if field.name == key:
                return getattr(here, key), _UNITS.get(field.metadata.get("unit", ""), unit)
    raise FigureError(f"`{path}`: there is no `{key}`{_among(here)}")


def _among(here: Any) -> str:
    if dataclasses.is_dataclass(here):
        return f" among {', '.join(field.name for field in dataclasses.fields(here))}"
    return f" among {', '.join(map(str, here))}" if isinstance(here, dict) and here else ""


def _item(here: Any, item: str, path: str) -> Any:
    if isinstance(here, dict):
        return here.get(item, 0)  # outcomes that never happened are left out
    if not isinstance(here, list):
        raise FigureError(f"`{path}`: nothing there has items")
    key, sign, value = item.partition("=")
    if sign and key.isidentifier():
        return [each for each in here if str(_field(each, key)).lower() == value.lower()]
    if item.isdigit() and int(item) < len(here):
        return here[int(item)]
    for each in here:
        if item in [_field(each, key) for key in _NAMED]:
            return each
    names = [str(_field(each, "name") or _field(each, "text")) for each in here]
    raise FigureError(f"`{path}`: there is no `{item}` among {', '.join(names) or 'nothing'}")


def _field(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else getattr(item, key, None)


def quantity(written: Any) -> Figure:
    """A limit or an answer as written: `450`, `5%`, `80ms`, `50/s`. Raises ValueError."""
    if isinstance(written, int | float) and not isinstance(written, bool):
        return Figure(float(written), "count")
    text = str(written).strip()
    if re.fullmatch(r"-?[0-9][0-9_,]*(\.[0-9]+)?", text):
        return Figure(float(text.replace(",", "").replace("_", "")), "count")
    parsers = ((units.parse_ratio, "ratio"), (units.parse_duration, "ns"), (units.parse_rate, "per_second"))
    for parse, unit in parsers:
        try:
            return Figure(float(parse(text)), unit)
        except units.UnitError:
            continue
    raise ValueError(f"`{text}` is no number, percentage, duration or rate")
