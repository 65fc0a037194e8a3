"""The way that solves a lab: shown as a diff, or put in place of the learner's files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from msforge.errors import UsageError
from msforge.lessons.lab import SOLUTION, START, SYSTEM
from msforge.lessons.state import GIVEN
from msforge.lessons.work import Work, free
from msforge.report.files import write_atomically


def solution(work: Work) -> str:
    """What the solution changes, as unified diffs; "" when it changes nothing.

    Of the system, against what was given; of other files, against the learner's.
    """
    work.state.solution_shown = True
    work.save()
    given = work.folder / GIVEN / START
    found = []
    if work.lab.has(SOLUTION):
        found = _diff(given if given.is_file() else work.lab.path(START), work.lab.path(SOLUTION), SYSTEM)
    for source, name in work.lab.solution_files():
        found += _diff(work.folder / name, source, name)
    return "\n".join(found)


def _diff(before: Path, after: Path, name: str) -> list[str]:
    old, new = (path.read_text("utf-8", "replace").splitlines() if path.is_file() else [] for path in (before, after))
    return list(difflib.unified_diff(old, new, name, "solution", lineterm=""))


def apply_solution(work: Work) -> list[Path]:
    """Puts the solution in place of the learner's files, and gives where these were kept.

    Raises UsageError for a lab that is solved by answers alone, or before the learner has made what it changes.
    """
    files = list(_changes(work))
    if not files:
        raise UsageError("this lab is solved by answers, not by a change", hint="msforge lab answer")
    for _, mine in files:
        if not mine.parent.is_dir():
            first = "; ".join(work.lab.model.solve) or "look at README.md"
            raise UsageError(f"{mine.parent} is not there yet", hint=first)
    kept = []
    for source, mine in files:
        known = [source, work.lab.path(START)] if mine.name == SYSTEM else [source]
        if mine.is_file() and mine.read_bytes() not in (path.read_bytes() for path in known):
            kept.append(free(mine.parent, f"{mine.stem}.before-solution", mine.suffix))
            mine.replace(kept[-1])
        write_atomically(mine, source.read_bytes())
    return kept


def _changes(work: Work) -> Iterator[tuple[Path, Path]]:
    """Each file of the solution, and the learner's in its place."""
    if work.lab.has(SOLUTION):
        yield work.lab.path(SOLUTION), work.folder / SYSTEM
    for source, name in work.lab.solution_files():
        yield source, work.folder / name
