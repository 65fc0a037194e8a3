"""Overlays in use: scenarios, `--set` arguments and timed changes, and what they mean for a source's driver."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from msforge import units
from msforge.errors import Diagnostic
from msforge.names import did_you_mean
from msforge.spec.merge import PathError, assign, merge
from msforge.spec.places import Path, split
from msforge.spec.reader import DEEPEST, read
from msforge.spec.schema_system import SystemModel
from msforge.spec.shape import Model
from msforge.spec.source import Map, Mark, Place, Seq, Source, problem, sound, spot

SYSTEM: Final = Model(SystemModel)
DRIVERS: Final = ("rate", "stages", "at", "replay", "users")
_NOT_IN_SCENARIO: Final = ("msforge", "scenarios")


@dataclass(frozen=True)
class _Point:
    line: int
    column: int


@dataclass(frozen=True)
class Span:
    """A stretch of one line, as a parser event would mark it."""

    start_mark: _Point
    end_mark: _Point


def span(begin: int, end: int) -> Span:
    """Columns from 0 on the first line."""
    return Span(_Point(0, begin), _Point(0, end))


def apply_scenario(document: Map, name: str, patch: Map) -> tuple[Map, list[Diagnostic]]:
    """The document with a scenario laid over it."""
    problems = []
    clean = patch
    for key in _NOT_IN_SCENARIO:
        if key in patch:
            clean = clean.copy()
            del clean[key]
            source, event, _ = patch.marks[key]
            problems.append(
                problem(spot(source, event), "E603", f"a scenario cannot set `{key}`", "", f"scenarios.{name}.{key}")
            )
    after = merge(document, clean)
    problems += _new_names(document, after, clean, f"scenarios.{name}")
    return settle_traffic(document, after), problems


def _new_names(before: Map, after: Map, patch: Map, where: str) -> list[Diagnostic]:
    """Names that an overlay would create with next to nothing in them: slips of the pen."""
    problems = []
    for section in ("services", "stores", "channels", "traffic"):
        known, given = before.get(section), patch.get(section)
        if not isinstance(given, Map):
            continue
        known = known if isinstance(known, Map) else Map()
        for name in given:
            near = did_you_mean(name, known)
            if name in known or name not in after[section] or not near.startswith("did"):
                continue
            if (
                section == "services"
                and isinstance(given[name], Map)
                and (given[name].get("endpoints") or given[name].get("consumers"))
            ):
                continue
            mark = given.marks.get(name)
            problems.append(
                problem(
                    spot(mark[0], mark[1]) if mark else None,
                    "E601",
                    f"there is no `{section}.{name[:60]}` to change",
                    near,
                    f"{where}.{section}.{name}",
                )
            )
            del after[section][name]
    return problems


def apply_set(document: Map, argument: str) -> tuple[Map, list[Diagnostic]]:
    """The document with one `path=value` assigned."""
    shown = "".join(char if char.isprintable() else "\ufffd" for char in argument)
    source = Source("--set", shown)
    match = re.match(r'((?:[^="]|"[^"]*")*)=', shown)
    whole = Place(source, 1, 1, max(2, len(shown) + 1))
    path = split(match[1]) if match else None
    if match is None or path is None:
        return document, [
            problem(whole, "E604", f"`{shown[:60]}` is not path=value", "write e.g. --set services.payment.replicas=4")
        ]
    value, mark, problems = read(source, " " * match.end() + shown[match.end() :])
    if problems:
        return document, problems
    key = span(0, match.end() - 1)
    event = mark[2] if mark is not None else key
    return assign_path(document, path, value, (source, key, event), create=True)


def assign_path(document: Map, path: Path, value: Any, mark: Mark, create: bool) -> tuple[Map, list[Diagnostic]]:
    """The document with a value at a path, or what is wrong with the path, told at the mark's key."""
    try:
        after = assign(document, path, value, mark, SYSTEM, create)
    except PathError as error:
        return document, [problem(spot(mark[0], mark[1]), error.code, str(error), error.help)]
    return settle_traffic(document, after), []


def settle_traffic(before: Map, after: Map) -> Map:
    """A new driver of a source (`rate` over `stages`, `users` over `rate`) takes the old one's place.

    A `rate` without `for` then lasts as long as the stages did.
    """
    old, new = before.get("traffic"), after.get("traffic")
    if not isinstance(old, Map) or not isinstance(new, Map) or old is new:
        return after
    out = new
    for name, source in new.items():
        was = old.get(name)
        if isinstance(source, Map) and isinstance(was, Map) and source is not was:
            settled = _settle_source(was, source)
            if settled is not source:
                out = out.copy() if out is new else out
                out[name] = settled
    if out is new:
        return after
    after = after.copy()
    after["traffic"] = out
    return after


def _settle_source(was: Map, now: Map) -> Map:
    out = now.copy()
    for keys in (DRIVERS, ("target", "journey")):
        old = [key for key in keys if key in was]
        fresh = [key for key in keys if key in now and key not in old]
        if len(old) == 1 and len(fresh) == 1 and old[0] in now:
            del out[old[0]]
            if keys is DRIVERS:
                _settle_driver(was, out, old[0], fresh[0])
    return out


def _settle_driver(was: Map, out: Map, old: str, fresh: str) -> None:
    if old == "stages" and fresh == "rate" and "for" not in out:
        length = _length(was["stages"])
        if length:
            out["for"] = units.format_duration(length)
    for key, drivers in (("for", ("rate", "users")), ("arrivals", ("rate", "stages")), ("think", ("users",))):
        if (
            fresh not in drivers
            and key in was
            and out.get(key) is was[key]
            and not (key == "think" and "journey" in out)
        ):
            del out[key]


def _length(stages: Any) -> int:
    try:
        return sum(units.parse_duration(stage["for"]) for stage in stages)
    except (units.UnitError, TypeError, KeyError):
        return 0


def document_of(value: Any, mark: Mark | None, depth: int = 0) -> Any:
    """Plain data (from a program, not a file) as document data. Raises PathError when it is nested too deeply."""
    if depth > DEEPEST:
        raise PathError(f"nested more than {DEEPEST} levels deep", code="E012")
    if isinstance(value, (Map, Seq)):
        return sound(value) if isinstance(value, str) else value
    if isinstance(value, dict):
        return Map(
            {sound(str(key)): document_of(item, mark, depth + 1) for key, item in value.items()},
            {str(key): mark for key in value} if mark is not None else {},
        )
    if isinstance(value, (list, tuple)):
        return Seq([document_of(item, mark, depth + 1) for item in value], [mark] * len(value))
    return sound(value) if isinstance(value, str) else value
