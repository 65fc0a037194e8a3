"""Progress over all labs of a user, in one small file of theirs: what the list shows, and what `report` collects.

A lab's own folder is what counts for that lab; this file may be lost without harm. Written whole or not at all.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msforge.errors import UsageError
from msforge.folders import data
from msforge.lessons.state import State
from msforge.report.files import write_atomically

FORMAT: Final = 1
NAME: Final = "labs.json"


def read() -> tuple[dict[str, Any], str]:
    """The user's record, and what has to be said about it ("" when all is well). Never raises for a damaged file."""
    path = data() / NAME
    fresh: dict[str, Any] = {"format": FORMAT, "learner": secrets.token_hex(6), "labs": {}}
    try:
        plain = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return fresh, ""
    except (OSError, ValueError):
        return fresh, _aside(path)
    if not isinstance(plain, dict) or not isinstance(plain.get("labs"), dict):
        return fresh, _aside(path)
    if plain.get("format") != FORMAT:
        return {**fresh, "foreign": True}, (
            f"{path} was written by another version of msforge; it is left alone, and nothing is added to it"
        )
    plain.setdefault("learner", fresh["learner"])
    plain["labs"] = {name: entry for name, entry in plain["labs"].items() if isinstance(entry, dict)}
    return plain, ""


def _aside(path: Path) -> str:
    """Moves a damaged record out of the way, so that nothing in it is lost."""
    with suppress(OSError):
        kept = path.with_suffix(".damaged.json")
        path.replace(kept)
        return f"the record of your progress was damaged; it is kept as {kept}, and a new one begins"
    return f"the record of your progress, {path}, cannot be read"


def note(state: State, folder: Path) -> str:
    """Keeps what `folder` knows about its lab. Gives what has to be said ("" when all is well); never raises."""
    record, said = read()
    if record.get("foreign"):
        return said
    before = record["labs"].get(state.lab, {})
    entry = {
        "status": "solved" if state.solved or before.get("status") == "solved" else
        "skipped" if state.skipped else "started",
        "folder": str(folder.absolute()), "begun": before.get("begun") or state.begun,
        "solved": before.get("solved") or state.solved, "checks": state.checks, "hints": state.hints,
        "solution_shown": state.solution_shown, "compared": state.compared,
    }  # fmt: skip
    record["labs"][state.lab] = entry
    return _write(record) or said


def note_skipped(name: str) -> str:
    """Keeps that a lab was skipped without having been started."""
    record, said = read()
    if record.get("foreign"):
        return said
    record["labs"].setdefault(name, {"status": "skipped"})
    if record["labs"][name].get("status") != "solved":
        record["labs"][name]["status"] = "skipped"
    return _write(record) or said


def _write(record: dict[str, Any]) -> str:
    path = data() / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    except (OSError, UsageError) as error:
        return f"your progress over all labs could not be kept ({error}); this lab's own folder has kept it"
    return ""
