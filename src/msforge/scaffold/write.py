"""Plans carried out: a new folder at once or not at all, changes file by file, each whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from msforge.errors import ConflictError, MsforgeError, UsageError
from msforge.scaffold import passwords
from msforge.scaffold import state as states
from msforge.scaffold.compare import linked
from msforge.scaffold.plan import Action, Change, Plan
from msforge.scaffold.state import BASE, CONFLICTS, FOLDER, State, digest

STAGE = f"{FOLDER}/stage"


class WriteError(MsforgeError):
    """The disk is full, or will not take the files."""


def check_new(folder: Path) -> None:
    """Raises ConflictError unless `folder` is free: missing, or an empty folder."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConflictError(f"{folder} exists and is not a folder", hint="choose another name")
    if folder.is_dir() and any(folder.iterdir()):
        hint = f"choose another name; or, when {folder} was made by msforge, go there and run `msforge sync`"
        raise ConflictError(f"{folder} exists and is not empty; nothing was written", hint=hint)


def create(plan: Plan, state: State, secret: Iterable[str] = ()) -> None:
    """Writes a new folder: first beside its place, then moved there. Whatever fails, nothing half-written stays.

    `secret` are the names of passwords that the folder needs.
    """
    final = plan.folder.resolve()
    half_done = final.parent / f".{final.name}.{os.getpid()}.tmp"
    moved: list[Path] = []
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        half_done.mkdir()
        for change in plan.changes:
            assert change.after is not None
            _put(half_done / change.path, change.after)
        passwords.add(half_done, secret)
        _remember(half_done, plan.changes, state)
        check_new(plan.folder)
        if final.is_dir():  # an empty folder may be the current one: fill it, don't replace it
            for item in sorted(half_done.iterdir()):
                item.rename(final / item.name)
                moved.append(final / item.name)
        else:
            half_done.rename(final)
    except BaseException as error:
        for item in moved:
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _failed(plan.folder, error, "nothing was written") from error
        raise
    finally:
        shutil.rmtree(half_done, ignore_errors=True)


def apply(plan: Plan, state: State, secret: Iterable[str] = ()) -> None:
    """Carries out the changes of a plan without conflicts: all new texts are on the disk before the first moves.

    `secret` are the names of passwords that the folder needs; those it has stay.
    """
    if plan.conflicts:
        raise ConflictError(f"{len(plan.conflicts)} files are in conflict; nothing was changed")
    folder = plan.folder
    stage = folder / STAGE
    writing = [change for change in plan.changes if change.writes]
    try:
        shutil.rmtree(stage, ignore_errors=True)
        for change in writing:
            assert change.after is not None
            _put(stage / change.path, change.after)
        _check_unchanged(folder, plan.changes)
        passwords.add(folder, secret)
        for change in writing:
            target = folder / change.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (stage / change.path).replace(target)
        for change in plan.changes:
            if change.action is Action.REMOVE:
                (folder / change.path).unlink()
        _remember(folder, plan.changes, state)
        shutil.rmtree(folder / CONFLICTS, ignore_errors=True)
    except OSError as error:
        raise _failed(folder, error, "run `msforge sync` again: each file is whole, old or new") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def offer(plan: Plan) -> None:
    """Puts msforge's side of every conflict under `.msforge/conflicts/`."""
    try:
        shutil.rmtree(plan.folder / CONFLICTS, ignore_errors=True)
        for change in plan.conflicts:
            if change.offer is not None:
                _put(plan.folder / CONFLICTS / change.path, change.offer)
    except OSError as error:
        raise _failed(plan.folder, error, "nothing of yours was changed") from error


def write_state(folder: Path, state: State) -> None:
    """Writes the state file, whole or not at all."""
    target = folder / states.FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"state.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(state.to_text().encode())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_base(folder: Path, path: str, content: bytes) -> None:
    """Keeps msforge's text of a merged file."""
    _put(folder / BASE / path, content)


def _remember(folder: Path, changes: Iterable[Change], state: State) -> None:
    for change in changes:
        generated = state.texts.get(change.path)
        if generated is not None:
            write_base(folder, change.path, generated)
    write_state(folder, state)


def _check_unchanged(folder: Path, changes: Iterable[Change]) -> None:
    """Someone may have typed on since the plan was made."""
    for change in changes:
        if not (change.writes or change.action is Action.REMOVE):
            continue
        path = folder / change.path
        now = path.read_bytes() if path.is_file() else None
        before = change.before
        same = now is before if now is None or before is None else digest(now) == digest(before)
        if not same or linked(folder, change.path):
            raise ConflictError(f"{change.path} changed meanwhile; nothing was written", hint="run it again")


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _failed(folder: Path, error: OSError, after: str) -> MsforgeError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return WriteError(f"cannot write to {folder}: the disk is full", hint=after)
    return UsageError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}", hint=after)
