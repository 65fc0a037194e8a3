"""Names as they land on disk: folders and files that every platform can hold, and paths that stay inside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from msforge.errors import UsageError

WINDOWS_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in (*"0123456789", "\u00b9", "\u00b2", "\u00b3")]
)
"""Names that Windows keeps for devices, whatever their extension or case."""
LONGEST: Final = 200
"""Bytes of a file's name, well below what file systems take."""
_FORBIDDEN: Final = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')


def is_reserved(name: str) -> bool:
    """Whether Windows would take `name` for a device."""
    return name.split(".")[0].rstrip(" ").lower() in WINDOWS_RESERVED


def file_problem(name: str) -> str:
    """Why `name` cannot be a file's or folder's on every platform; empty when it can."""
    if not name or name in (".", ".."):
        return "it is no name"
    if _FORBIDDEN.search(name) or not name.isprintable():
        return "it has a character that file names cannot have on every platform"
    if name[-1] in ". ":
        return "it ends with a dot or a space, which Windows drops"
    if is_reserved(name):
        return "Windows keeps this name for a device"
    if len(name.encode("utf-8", "replace")) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    return ""


def path_problem(path: str) -> str:
    """Why `path` is no relative path (with `/`) that stays inside its folder; empty when it is."""
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        return "it is an absolute path"
    parts = path.split("/")
    if ".." in parts:
        return "`..` leads out of the folder"
    for part in parts:
        problem = file_problem(part)
        if problem:
            return f"{problem}: {part!r}" if part != path else problem
    return ""


def descriptions(folder: Path) -> list[Path]:
    """The files of a folder that may be descriptions of systems: YAML, but not other programs' own."""
    found = (path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")) if folder.is_dir() else ()
    return sorted(path for path in found if not path.name.startswith(".") and path.name != "compose.yaml")


def checked_path(path: str, *, of: str) -> PurePosixPath:
    """`path` as a path that stays inside its folder. Raises UsageError that names what it is `of`."""
    problem = path_problem(path)
    if problem:
        raise UsageError(
            f"{of}: {path!r} cannot be written: {problem}", hint="use relative paths with / and plain names"
        )
    return PurePosixPath(path)


class Scope:
    """Hands out names that no two things share: the first asker gets the plain one, the next a number behind it.

    `fold` compares names as a file system does that ignores case.
    """

    def __init__(self, taken: Iterable[str] = (), *, fold: bool = False, between: str = "_") -> None:
        self._fold = fold
        self._between = between
        self._taken = {self._key(name) for name in taken}

    def claim(self, name: str) -> str:
        """`name`, or `name_2` and so on when it is taken."""
        chosen, number = name, 1
        while self._key(chosen) in self._taken:
            number += 1
            chosen = f"{name}{self._between}{number}"
        self._taken.add(self._key(chosen))
        return chosen

    def _key(self, name: str) -> str:
        return name.lower() if self._fold else name


def folders(names: Iterable[str]) -> dict[str, str]:
    """Each service's folder: its name, made safe for Windows and told apart where case alone differs."""
    scope = Scope(fold=True, between="-")
    return {name: scope.claim(f"{name}-service" if is_reserved(name) else name) for name in names}
