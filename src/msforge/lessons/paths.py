"""What may be changed and spent: paths of a description, with `*` for any name, and limits on what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msforge import units
from msforge.lessons.expression import compares
from msforge.lessons.figures import quantity
from msforge.spec.places import Path, join, split

_LIMIT = re.compile(r"^(total\s+)?(\S+)\s+(<=|>=|<|>|=)\s+(\S+)$")


class PathError(ValueError):
    """A limit or path that cannot be read."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`PATH <= VALUE`: for each place that the path names, or (`total`) for their sum."""

    text: str
    path: Path
    operator: str
    bound: float
    total: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """A limit and what stands against it; `met` False when it is passed, or when what it names is gone."""

    text: str
    found: str
    met: bool


def parse_limit(text: str) -> Limit:
    """The limit in `text`. Raises PathError."""
    match = _LIMIT.match(text)
    path = split(match[2]) if match else None
    if match is None or path is None:
        raise PathError(f"`{text}` is not a limit")
    try:
        return Limit(text, path, match[3], _quantity(match[4]), bool(match[1]))
    except ValueError as error:
        raise PathError(f"`{text}` is not a limit: {error}") from None


def _quantity(written: Any) -> float:
    """A number with or without a unit, sizes such as `128MiB` among them. Raises ValueError."""
    try:
        return quantity(written).value or 0.0
    except ValueError:
        try:
            return float(units.parse_size(written))
        except units.UnitError:
            pass
        raise


def spent(limit: Limit, resolved: dict[str, Any]) -> Spent:
    """How a description stands to a limit."""
    found = [(path, value) for path, value in places(resolved, limit.path) if value is not None]
    if limit.total:
        numbers = [number for _, value in found if (number := _number(value)) is not None]
        total = sum(numbers)
        return Spent(limit.text, f"{total:g}", bool(numbers) and compares(total, limit.operator, limit.bound))
    wrong = [(path, value) for path, value in found if not _kept(limit, value)]
    if not found:
        return Spent(limit.text, "not there", "*" in limit.path)
    if wrong:
        return Spent(limit.text, ", ".join(f"{join(path)} is {value}" for path, value in wrong[:3]), False)
    return Spent(limit.text, ", ".join(dict.fromkeys(str(value) for _, value in found)), True)


def _kept(limit: Limit, value: Any) -> bool:
    number = _number(value)
    return number is not None and compares(number, limit.operator, limit.bound)


def _number(value: Any) -> float | None:
    if value == "unlimited":
        return float("inf")
    try:
        return _quantity(value)
    except ValueError:
        return None


def places(data: Any, path: Path, done: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place that a path with `*` names, and what stands there."""
    if not path:
        yield done, data
        return
    head, rest = path[0], path[1:]
    if isinstance(data, dict):
        for key, value in data.items():
            if head in ("*", key):
                yield from places(value, rest, (*done, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            if head in ("*", index):
                yield from places(value, rest, (*done, index))


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """The paths at which two descriptions differ, as deep as can be said."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*path, index))
    elif not _alike(before, after):
        yield path


def _alike(before: Any, after: Any) -> bool:
    """Whether two values mean the same: 60s is 1m."""
    if before == after:
        return True
    try:
        return quantity(before) == quantity(after)
    except ValueError:
        return False


def under(path: Path, pattern: Path) -> bool:
    """Whether `path` lies at or below what `pattern` names."""
    return len(path) >= len(pattern) and all(p in ("*", step) for p, step in zip(pattern, path, strict=False))
