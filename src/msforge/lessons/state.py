"""What a lab's folder remembers, in `.lab/`: how far the learner is, and the system as it was given.

Written whole or not at all, so that an interrupted run leaves the state before it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msforge.errors import LabError, UsageError
from msforge.report.files import write_atomically
from msforge.results.summarise import engine_version

MARK: Final = ".lab"
FILE: Final = f"{MARK}/state.json"
GIVEN: Final = f"{MARK}/start"
"""The lab's files as they were given, so that a later msforge still knows what the learner has changed."""
FORMAT: Final = 1


@dataclass
class State:
    """How far a learner is in one lab. Times are UTC, in ISO 8601."""

    lab: str
    edition: str
    engine: str = ""
    begun: str = ""
    checks: int = 0
    hints: int = 0
    solution_shown: bool = False
    predictions: dict[str, str] = field(default_factory=dict)
    """As they were before the first run; "" for one that was not made."""
    predicted: bool = False
    """Whether that run has been: from then on predictions stay."""
    compared: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per prediction what was said, what was, and whether that was close."""
    right: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Questions that were answered rightly: an answer stays right when the system is changed afterwards."""
    solved: str = ""
    skipped: bool = False
    origin: str = ""
    """The folder of a lab that did not come with msforge."""


def now() -> str:
    """The time, for people."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(folder: Path, state: State) -> None:
    """Keeps `state`."""
    state.engine = engine_version()
    (folder / MARK).mkdir(exist_ok=True)
    plain = {"format": FORMAT, **asdict(state)}
    write_atomically(folder / FILE, (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode())


def read(folder: Path) -> State:
    """The state of the lab in `folder`. Raises LabError when this version cannot go on with it."""
    path = folder / FILE
    try:
        plain = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LabError(
            f"{folder} has lost {FILE}: msforge no longer knows which lab this is",
            hint="start the lab anew in another folder, and copy your system.yaml over: msforge lab start NUMBER",
        ) from None
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(plain, dict) or not isinstance(plain.get("lab"), str):
        raise _damaged(path, "it does not name a lab")
    if plain.get("format") != FORMAT:
        by = plain.get("engine") or "another msforge"
        raise LabError(
            f"this lab was started by msforge {by}, which keeps progress in format {plain.get('format')!r}; "
            f"msforge {engine_version()} reads format {FORMAT}",
            hint=f"go on with msforge {by} or newer; or start the lab anew in another folder and copy your "
            f"system.yaml over: msforge lab start {plain['lab']} --dir NEW",
        )
    known = {f.name for f in fields(State)}
    try:
        state = State(**{key: value for key, value in plain.items() if key in known})
    except TypeError as error:
        raise _damaged(path, str(error)) from error
    if not all(isinstance(getattr(state, f.name), _KINDS[str(f.type).partition("[")[0]]) for f in fields(State)):
        raise _damaged(path, "a value is of another kind")
    return state


_KINDS: Final[dict[str, type]] = {"str": str, "int": int, "bool": bool, "dict": dict}


def _damaged(path: Path, why: str) -> LabError:
    return LabError(
        f"{path} is damaged: {why}",
        hint="your system.yaml is untouched: start the lab anew in another folder and copy it over",
    )


def lab_folder(folder: Path) -> Path:
    """The lab's folder that `folder` is or lies in. Raises UsageError outside of one."""
    here = folder.absolute()
    for place in (here, *here.parents):
        if (place / MARK).is_dir():
            return folder if place == here else place
    inside = sorted(path.parent.name for path in here.glob(f"*/{MARK}")) if here.is_dir() else []
    hint = f"go into one: cd {inside[0]}" if inside else "start one: `msforge lab` lists them, `msforge lab start 1`"
    raise UsageError(f"{folder if folder != Path() else 'here'} is no lab's folder", hint=hint)
