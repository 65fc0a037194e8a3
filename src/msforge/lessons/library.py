"""The labs that come with the package."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from msforge.catalog import labs_root
from msforge.errors import UsageError
from msforge.lessons.lab import LAB, Lab, read_lab


def names() -> list[str]:
    """The folders' names, in the workshop's order."""
    return sorted(path.parent.name for path in labs_root().glob(f"[!_]*/{LAB}"))


def labs() -> list[Lab]:
    """All labs, in the workshop's order."""
    return [read_lab(labs_root() / name) for name in names()]


def find(wanted: str) -> Lab:
    """The lab of this number, name or folder (one that has a `lab.yaml`). Raises UsageError with the nearest."""
    known = names()
    digits = re.fullmatch(r"0*([0-9]{1,4})", wanted)
    for name in known:
        if name == wanted or name.partition("-")[2] == wanted or (digits and _number(name) == int(digits[1])):
            return read_lab(labs_root() / name)
    folder = Path(wanted)
    if (folder / LAB).is_file():
        return read_lab(folder)
    if folder.is_dir() and any(mark in wanted for mark in "/\\."):
        raise UsageError(f"{folder} has no {LAB}, so it is no lab", hint="make one: msforge lab new my-lab")
    near = get_close_matches(wanted, [*known, *(name.partition("-")[2] for name in known)], n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`? " if near else ""
    numbers = ", ".join(str(_number(name)) for name in known)
    raise UsageError(f"there is no lab `{wanted}`", hint=f"{hint}There are {numbers}; `msforge lab` lists them")


def ours(lab: Lab) -> bool:
    """Whether it came with msforge."""
    return lab.folder.parent == labs_root()


def refuse_commands(lab: Lab, command: str) -> None:
    """Raises UsageError when a lab that a stranger may have written runs commands; `command` is how to trust it."""
    if lab.model.commands:
        raise UsageError(f"this lab runs commands and did not come with msforge: {lab.folder}",
                         hint=f"look at `commands` and `solve` in its lab.yaml, and if you trust it: {command} --trust")


def after(name: str) -> str:
    """The name of the lab that comes next; "" after the last."""
    known = names()
    return next((known[n + 1] for n, each in enumerate(known[:-1]) if each == name), "")


def command(name: str, verb: str = "start") -> str:
    """How to type a lab: `msforge lab start 4`."""
    number = _number(name)
    return f"msforge lab {verb} {name if number is None else number}"


def _number(name: str) -> int | None:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdecimal() else None
