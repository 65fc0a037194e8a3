"""`msforge workshop bundle`: a folder with everything that a room without Wi-Fi needs."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msforge.errors import ConflictError, UsageError
from msforge.names import did_you_mean
from msforge.workshop.contents import copy_contents, write_scripts
from msforge.workshop.fetch import fetch, move
from msforge.workshop.own_wheel import own_wheel
from msforge.workshop.targets import Target
from msforge.workshop.wheels import Wheel, read_wheel

STATE = "bundle.json"
SUMS = "SHA256SUMS"
WHEELS = "wheels"
STAGING = ".fetching"


@dataclass(frozen=True, slots=True)
class Part:
    """What a bundle has for one target."""

    target: str
    wheels: int
    size: int
    """Bytes."""
    kept: bool
    """It was there, whole, from an earlier run."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A finished bundle."""

    folder: Path
    parts: tuple[Part, ...]
    contents: Mapping[str, int]
    """Folders beside the wheels, and their bytes."""
    size: int
    """Bytes of all files."""
    lacking: tuple[str, ...]
    """What this installation of msforge could not put in, in words."""


def make_bundle(
    folder: Path, targets: Sequence[Target], extras: Sequence[str] = (), *,
    tell: Callable[[str], None] = lambda line: None,
) -> Bundle:
    """Makes or completes the bundle in `folder`.

    Raises ConflictError for a folder that holds something else, MsforgeError when something cannot be fetched; then
    what is there stays, and the same call goes on.
    """
    state = _open(folder)
    with tempfile.TemporaryDirectory(prefix="msforge-bundle-") as work:
        tell("making msforge's own wheel")
        own = own_wheel(Path(work))
        _known(read_wheel(own), extras)
        parts = [_part(folder, target, own, extras, state, tell) for target in targets]
    contents, lacking = copy_contents(folder)
    write_scripts(folder, sorted({t.python for t in targets}), [t.name for t in targets], extras)
    _drop_old(folder, state)
    size = _sum(folder)
    return Bundle(folder, tuple(parts), contents, size, tuple(lacking))


def _open(folder: Path) -> dict[str, Any]:
    """The state of an earlier run; an empty one for a new folder."""
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} exists and is not a folder", hint="choose another one")
    file = folder / STATE
    if file.is_file():
        try:
            state = json.loads(file.read_text("utf-8"))
        except ValueError:
            state = None
        return state if isinstance(state, dict) and isinstance(state.get("targets"), dict) else {"targets": {}}
    if folder.is_dir() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty, and no bundle; nothing was written", hint="choose a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {(error.strerror or str(error)).lower()}") from error
    state = {"targets": {}}
    _keep(folder, state)
    return state


def _keep(folder: Path, state: dict[str, Any]) -> None:
    part = folder / f"{STATE}.part"
    part.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(folder / STATE)


def _known(own: Wheel, extras: Sequence[str]) -> None:
    known = sorted({e for r in own.requires if r.marker is not None for e in _extras(str(r.marker))})
    for extra in extras:
        if extra not in known:
            raise UsageError(f"--extra {extra}: msforge has no such extra", hint=did_you_mean(extra, known)
                             or f"there are {', '.join(known)}")


def _extras(marker: str) -> list[str]:
    return [part.split('"')[1] for part in marker.split("extra == ")[1:]] if 'extra == "' in marker else []


def _part(
    folder: Path, target: Target, own: Path, extras: Sequence[str], state: dict[str, Any], tell: Callable[[str], None]
) -> Part:
    wheels = folder / WHEELS
    asked = _asked(own, extras, target)
    before = state["targets"].get(target.key, {})
    kept = before.get("asked") == asked and all(_whole(wheels / name) for name in before["files"])
    if kept:
        tell(f"{target.name}: is there")
        names = [name for name in before["files"] if not name.startswith("msforge-")] + [own.name]
    else:
        tell(f"{target.name}: fetching")
        staging = folder / STAGING / target.key
        names = move(fetch(target, own, extras, staging, wheels, lambda line: tell(f"  {line}")), wheels)
        shutil.rmtree(staging, ignore_errors=True)
    shutil.copyfile(own, wheels / own.name)
    state["targets"][target.key] = {"asked": asked, "files": names}
    _keep(folder, state)
    return Part(target.name, len(names), sum((wheels / name).stat().st_size for name in names), kept)


def _asked(own: Path, extras: Sequence[str], target: Target) -> str:
    """What a target's wheels depend on: msforge's requirements, the extras, the tags."""
    lines = sorted(str(one) for one in read_wheel(own).requires)
    return hashlib.sha256(json.dumps([lines, sorted(extras), target.tags]).encode()).hexdigest()


def _whole(path: Path) -> bool:
    try:
        read_wheel(path)
    except ValueError:
        return False
    return True


def _drop_old(folder: Path, state: dict[str, Any]) -> None:
    """Wheels of earlier runs that no target uses any more."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    used = {name for target in state["targets"].values() for name in target["files"]}
    for path in (folder / WHEELS).glob("*.whl"):
        if path.name not in used:
            path.unlink()


def _sum(folder: Path) -> int:
    """Writes the checksums of all files, as `sha256sum --check` reads them; the bytes of all."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS)
    lines = []
    for path in files:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return sum(path.stat().st_size for path in files)
