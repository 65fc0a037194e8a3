"""The examples and labs that come with the package: in the wheel under `msforge/_examples` and `msforge/_lessons`,
in a checkout at its root."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from msforge.errors import ConflictError, MsforgeError, UsageError


@dataclass(frozen=True, slots=True)
class Example:
    """One example system. `file` is its description; `summary` the first words of its README."""

    name: str
    file: Path
    summary: str

    @property
    def folder(self) -> Path:
        """The folder with everything that belongs to it."""
        return self.file.parent


def examples() -> list[Example]:
    """All examples, by name. Raises MsforgeError when the installation has lost them."""
    root = examples_root()
    found = [_read(folder) for folder in sorted(root.iterdir()) if folder.is_dir()]
    return [example for example in found if example is not None]


def example(name: str) -> Example:
    """The example called `name`. Raises UsageError with the nearest names."""
    known = {e.name: e for e in examples()}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise UsageError(f"there is no example called `{name}`", hint=f"{hint}The examples: {', '.join(known)}")


def copy_example(name: str, folder: str | Path | None = None) -> Path:
    """Copies an example to `folder` (default: a new folder of its name here) and returns the description's path.

    Raises ConflictError when the folder exists and is not empty; nothing is ever overwritten.
    """
    source = example(name)
    target = Path(folder) if folder is not None else Path(source.name)
    try:
        return _copy(source, target)
    except OSError as e:
        raise UsageError(
            f"cannot copy to {target}: {(e.strerror or str(e)).lower()}", hint="choose another folder"
        ) from e


def _copy(source: Example, target: Path) -> Path:
    if target.exists() and not target.is_dir():
        raise ConflictError(f"{target} exists and is not a folder", hint="choose another folder")
    if target.is_dir() and any(target.iterdir()):
        inside = target / source.name
        hint = f"choose a new folder: msforge example copy {source.name} {inside}"
        raise ConflictError(f"{target} exists and is not empty; nothing was copied", hint=hint)
    final = target.resolve()
    final.parent.mkdir(parents=True, exist_ok=True)
    half_done = final.parent / f".{final.name}.{os.getpid()}.tmp"
    try:
        shutil.copytree(source.folder, half_done, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        if final.is_dir():
            for item in half_done.iterdir():  # an empty folder may be the current one: fill it, don't replace it
                item.rename(final / item.name)
        else:
            half_done.rename(final)
    finally:
        shutil.rmtree(half_done, ignore_errors=True)
    return target / source.file.name


def examples_root() -> Path:
    """The folder with all examples. Raises MsforgeError when the installation has lost them."""
    return _root("examples")


def labs_root() -> Path:
    """The folder with all labs. Raises MsforgeError when the installation has lost them."""
    return _root("lessons", "labs")


def _root(folder: str, what: str = "") -> Path:
    package = Path(__file__).resolve().parent
    for root in (package / f"_{folder}", package.parent.parent / folder):
        if root.is_dir():
            return root
    raise MsforgeError(
        f"this installation of msforge has no {what or folder}",
        hint="install it again: pip install --force-reinstall msforge",
    )


def _read(folder: Path) -> Example | None:
    named = folder / f"{folder.name}.yaml"
    files = [named] if named.is_file() else sorted(folder.glob("*.yaml"))
    return Example(folder.name, files[0], _summary(folder / "README.md")) if files else None


def _summary(readme: Path) -> str:
    """The README's first sentence of prose; its heading when there is none; "" without a README."""
    if not readme.is_file():
        return ""
    heading = ""
    for paragraph in readme.read_text("utf-8").split("\n\n"):
        line = " ".join(paragraph.split())
        if line.startswith("#"):
            heading = heading or line.lstrip("# ")
        elif line and line[0].isalnum():
            return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line).split(". ")[0].rstrip(".:")
    return heading
