"""All wheels that one kind of laptop needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from msforge.errors import MsforgeError
from msforge.workshop.pip import run_pip
from msforge.workshop.targets import Target
from msforge.workshop.wheels import Wheel, missing, read_wheel

ROUNDS = 5


def fetch(
    target: Target, own: Path, extras: Sequence[str], staging: Path, known: Path, tell: Callable[[str], None]
) -> list[Wheel]:
    """The wheels for `target`, in the folder `staging`: msforge with its `extras`, all it needs, and pip.

    What lies there whole from an interrupted run, or in `known`, is used again. pip judges markers ("only on
    Windows") by the machine it runs on, so what the target needs beyond that is found in the wheels' metadata and
    fetched as well. Raises MsforgeError when something cannot be had.
    """
    staging.mkdir(parents=True, exist_ok=True)
    for damaged in [*_damaged(staging), *_damaged(known)]:
        tell(f"{damaged.name} was cut short: fetched again")
        damaged.unlink()
    root = Requirement(f"msforge[{','.join(extras)}]" if extras else "msforge")
    named: set[str] = set()

    def once(name: str) -> None:
        if name not in named:
            named.add(name)
            tell(name)

    asked = [f"{own}[{','.join(extras)}]" if extras else str(own), "pip"]
    for _ in range(ROUNDS):
        run_pip(["download", "--only-binary=:all:", "--dest", str(staging.resolve()), *_links(staging, known),
                 *target.pip_options(), *asked], folder=own.parent, tell=once)
        wheels = [read_wheel(path) for path in sorted(staging.glob("*.whl"))]
        lacking = missing(wheels, [root, Requirement("pip")], target.markers())
        if not lacking:
            return wheels
        asked += [_plain(one) for one in lacking]
    raise MsforgeError(f"{target.name}: no wheels that fit together: {', '.join(map(str, lacking))} is missing")


def _links(*folders: Path) -> list[str]:
    return [word for folder in folders if folder.is_dir() for word in ("--find-links", str(folder.resolve()))]


def _plain(required: Requirement) -> str:
    """A requirement without its marker, which the target fulfils and this machine may not."""
    extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
    return f"{required.name}{extras}{required.specifier}"


def _damaged(folder: Path) -> list[Path]:
    found = []
    for path in folder.glob("*.whl"):
        try:
            read_wheel(path)
        except ValueError:
            found.append(path)
    return found


def move(wheels: Sequence[Wheel], into: Path) -> list[str]:
    """Puts wheels beside those of other targets; their file names."""
    into.mkdir(exist_ok=True)
    for wheel in wheels:
        shutil.move(str(wheel.path), str(into / wheel.path.name))
    return [wheel.path.name for wheel in wheels]
