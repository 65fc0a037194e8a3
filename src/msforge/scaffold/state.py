"""`.msforge/`: what msforge wrote last time, so that it can tell its own text from the user's.

`state.json` has a hash of every file as msforge last wrote it; `base/` the whole text of files that are merged;
`conflicts/` msforge's side of conflicts that wait for a person.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msforge.errors import MsforgeError
from msforge.scaffold.names import descriptions, path_problem
from msforge.scaffold.plan import Owner

FOLDER: Final = ".msforge"
FILE: Final = f"{FOLDER}/state.json"
BASE: Final = f"{FOLDER}/base"
CONFLICTS: Final = f"{FOLDER}/conflicts"
FORMAT: Final = 1


class StateError(MsforgeError):
    """The state file is missing or not as msforge wrote it."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Known:
    """A file that msforge has written."""

    owner: Owner
    sha256: str


@dataclass(slots=True)
class State:
    """What is known about a generated folder."""

    description: str
    files: dict[str, Known] = field(default_factory=dict)
    handlers: dict[str, list[str]] = field(default_factory=dict)
    """Files of handlers, and the functions that msforge once put into each."""
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each service's folder and package."""
    templates: str = ""
    """The folder of templates that a teacher brought, "" for msforge's own."""
    texts: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What msforge has just made of the merged files; kept under `base/`, not in the state file."""

    def to_text(self) -> str:
        """The state as its file holds it, sealed."""
        plain = {
            "format": FORMAT,
            "note": "Written by msforge; it tells your edits from msforge's own text. Keep it, and do not edit it.",
            "description": self.description,
            "templates": self.templates,
            "services": self.services,
            "handlers": self.handlers,
            "files": {
                path: {"owner": known.owner.value, "sha256": known.sha256} for path, known in sorted(self.files.items())
            },
        }
        return json.dumps({**plain, "seal": _seal(plain)}, indent=1, ensure_ascii=False) + "\n"


def digest(content: bytes) -> str:
    """A hash of a file, whichever way its lines end (git may change that)."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def read(folder: Path) -> State:
    """The state of a generated folder. Raises StateError."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if not folder.is_dir():
            raise StateError(f"there is no folder {folder}", hint=f"`msforge new {folder.name}` makes it") from None
        raise StateError(
            f"{path} is missing: this folder was not made by `msforge new`, or has lost what msforge knew about it",
            hint=_way_on(folder),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"cannot read {path}: {error}", hint=_way_on(folder)) from error
    try:
        return _parsed(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f": {error}" if isinstance(error, StateProblem) else ""
        raise StateError(f"{path} is not as msforge wrote it{problem}", hint=_way_on(folder)) from error


class StateProblem(ValueError):
    """What is wrong inside a state file."""


def _parsed(plain: Any) -> State:
    if plain["format"] != FORMAT:
        raise StateProblem(f"it has format {plain['format']!r}, this msforge knows {FORMAT}")
    seal = plain.pop("seal", None)
    if seal != _seal(plain):
        raise StateProblem("it was edited by hand")
    files = {path: Known(Owner(known["owner"]), str(known["sha256"])) for path, known in plain["files"].items()}
    for path in (*files, *plain["handlers"], plain["description"]):
        if path_problem(path):
            raise StateProblem(f"it names {path!r}, which is outside this folder")
    return State(
        description=plain["description"], files=files, handlers=dict(plain["handlers"]),
        services=dict(plain["services"]), templates=str(plain["templates"]),
    )


def _seal(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _way_on(folder: Path) -> str:
    found = descriptions(folder)
    name = found[0].name if found else "shop.yaml"
    return (
        f"bring {FILE} back from version control; or run `msforge sync --adopt {name}`, which compares every file "
        "anew, overwrites none, and reports those that differ as conflicts"
    )


def base_of(folder: Path, path: str) -> bytes | None:
    """The text that msforge last wrote to a merged file, or None."""
    try:
        return (folder / BASE / path).read_bytes()
    except OSError:
        return None
