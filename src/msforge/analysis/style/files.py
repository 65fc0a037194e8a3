"""A team's numbers in a YAML file: a flat mapping of the names in `fields`, read as strictly as a description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msforge.analysis.style.fields import BY_NAME
from msforge.errors import Diagnostic, InvalidFileError
from msforge.names import did_you_mean
from msforge.spec.reader import read
from msforge.spec.source import Map, Mark, check_text, problem, read_file, spot
from msforge.units import UnitError


def read_numbers(path: Path) -> dict[str, Any]:
    """The parsed numbers of a file, by name. Raises InvalidFileError with every problem at its place."""
    source = read_file(path, str(path))
    problems = check_text(source)
    if problems:
        raise InvalidFileError(problems)
    document, mark, problems = read(source)
    if not isinstance(document, Map):
        if problems:
            raise InvalidFileError(problems)
        place = spot(mark[0], mark[2]) if mark is not None else None
        words = "a mapping of numbers is needed here"
        raise InvalidFileError([problem(place, "E201", words, "write e.g. engineers: 12", file=str(path))])
    if "services" in document and isinstance(document["services"], Map):
        place = _key(document.marks["services"])
        raise InvalidFileError([problem(place, "E201", "this is the description of a system, not a team's numbers",
                                        f"msforge advise --system {path}")])
    found: dict[str, Any] = {}
    for name, value in document.items():
        wrong = _take(found, name, value, document.marks[name])
        problems += [wrong] if wrong is not None else []
    if problems:
        raise InvalidFileError(problems)
    return found


def _take(found: dict[str, Any], name: str, value: Any, mark: Mark) -> Diagnostic | None:
    field = BY_NAME.get(name)
    if field is None:
        hint = did_you_mean(name, BY_NAME) or f"the names are {', '.join(BY_NAME)}"
        return problem(_key(mark), "E101", f"there is no number called `{name}`", hint, name)
    try:
        found[name] = field.parse(value)
    except UnitError as error:
        return problem(spot(mark[0], mark[2]), error.code, f"{name}: {error}", error.help, name)
    return None


def _key(mark: Mark) -> Any:
    return spot(mark[0], mark[1])
