"""A class's results, from the files that learners hand in. No names: each file has a number that says nothing."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msforge.errors import UsageError
from msforge.lessons import progress

KIND: Final = "msforge lab results"
FORMAT: Final = 1
LARGEST: Final = 1_000_000
_KEPT: Final = ("status", "begun", "solved", "checks", "hints", "solution_shown", "compared")


@dataclass
class LabRow:
    """One lab over a class."""

    lab: str
    started: int = 0
    solved: int = 0
    skipped: int = 0
    alone: int = 0
    """Solved without having looked at the solution."""
    checks: list[int] = field(default_factory=list)
    hints: list[int] = field(default_factory=list)
    predictions: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per prediction how many were `close` and how many `off`."""

    @property
    def median_checks(self) -> float | None:
        """Checks that a learner who solved it took, in the middle."""
        return statistics.median(self.checks) if self.checks else None

    @property
    def mean_hints(self) -> float | None:
        """Hints per learner."""
        return statistics.fmean(self.hints) if self.hints else None


@dataclass
class ClassReport:
    """All labs over a class, and the files that could not be read."""

    learners: int
    labs: list[LabRow]
    unread: dict[str, str] = field(default_factory=dict)


def hand_in() -> str:
    """A learner's results as a file to hand in: no name, no path, nothing of the machine."""
    record, _ = progress.read()
    labs = {
        name: {key: entry[key] for key in _KEPT if key in entry} for name, entry in sorted(record["labs"].items())
    }
    plain = {"kind": KIND, "format": FORMAT, "learner": record["learner"], "labs": labs}
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def collect(places: Iterable[Path]) -> ClassReport:
    """The class's report from files and folders of files; the newest of several by one learner counts.

    Raises UsageError when there is none to read.
    """
    learners: dict[str, tuple[int, dict[str, Any]]] = {}
    unread: dict[str, str] = {}
    for path in _files(places):
        try:
            plain = _read(path)
        except ValueError as error:
            unread[str(path)] = str(error)
            continue
        weight = sum(int(entry.get("checks") or 0) for entry in plain["labs"].values())
        if plain["learner"] not in learners or learners[plain["learner"]][0] <= weight:
            learners[plain["learner"]] = (weight, plain["labs"])
    if not learners:
        why = "; ".join(f"{path}: {reason}" for path, reason in list(unread.items())[:3])
        raise UsageError(f"there are no results to collect{f' ({why})' if why else ''}",
                         hint="each learner makes a file with: msforge lab report --out NAME.json")
    rows: dict[str, LabRow] = {}
    for _, labs in learners.values():
        for name, entry in labs.items():
            _add(rows.setdefault(name, LabRow(name)), entry)
    return ClassReport(len(learners), [rows[name] for name in sorted(rows)], unread)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(place.glob("*.json"))
        elif place.is_file():
            yield place
        else:
            raise UsageError(f"there is no {place}", hint="name result files, or a folder of them")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too large for a learner's results")
        plain = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError((error.strerror or str(error)).lower()) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(plain, dict) or plain.get("kind") != KIND:
        raise ValueError("no results of `msforge lab report --out`")
    if plain.get("format") != FORMAT:
        raise ValueError(f"format {plain.get('format')!r}; this msforge reads {FORMAT}")
    labs = plain.get("labs")
    if not isinstance(labs, dict) or not all(isinstance(entry, dict) for entry in labs.values()):
        raise ValueError("damaged")
    return {"learner": str(plain.get("learner")), "labs": labs}


def _add(row: LabRow, entry: dict[str, Any]) -> None:
    solved = entry.get("status") == "solved"
    row.started += "begun" in entry
    row.solved += solved
    row.skipped += entry.get("status") == "skipped"
    row.alone += solved and not entry.get("solution_shown")
    checks, hints = entry.get("checks"), entry.get("hints")
    if solved and isinstance(checks, int):
        row.checks.append(checks)
    if isinstance(hints, int):
        row.hints.append(hints)
    compared = entry.get("compared")
    for name, kept in (compared if isinstance(compared, dict) else {}).items():
        if isinstance(kept, dict) and kept.get("said"):
            row.predictions.setdefault(str(name), {"close": 0, "off": 0})["close" if kept.get("close") else "off"] += 1
