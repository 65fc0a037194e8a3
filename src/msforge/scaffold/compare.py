"""What msforge would write, against what is there: one decision a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msforge.scaffold import merge, stubs
from msforge.scaffold.build import Build
from msforge.scaffold.plan import Action, Change, Generated, Owner
from msforge.scaffold.state import State, base_of, digest


def compare(folder: Path, build: Build, state: State) -> tuple[list[Change], list[str]]:
    """Every file's fate, and what is worth saying beside it."""
    notes: list[str] = []
    changes = [_change(folder, file, build, state, notes) for file in build.files]
    kept = {file.path for file in build.files}
    changes += list(_gone(folder, state, kept, build, notes))
    notes += _removed_handlers(build, state)
    return changes, notes


def _change(folder: Path, file: Generated, build: Build, state: State, notes: list[str]) -> Change:
    link = linked(folder, file.path)
    if link:
        return Change(file.path, file.owner, Action.CONFLICT, f"{link} is a symbolic link", offer=file.content)
    path = folder / file.path
    if path.is_dir():
        return Change(file.path, file.owner, Action.CONFLICT, "there is a folder of this name", offer=file.content)
    there = path.read_bytes() if path.exists() else None
    known = state.files.get(file.path)
    if there is None:
        if known is not None and file.owner is not Owner.MSFORGE:
            if file.path.endswith(".py"):
                notes.append(f"{file.path} is deleted; to have it anew: msforge sync --restore {file.path}")
            return Change(file.path, file.owner, Action.SKIP, "you deleted it; --restore brings it back")
        return Change(file.path, file.owner, Action.CREATE, after=file.content)
    if digest(there) == digest(file.content):
        return Change(file.path, file.owner, Action.IDENTICAL, before=there, after=there)
    if file.owner is Owner.USER:
        return _users(file, there, build, notes)
    if known is None:
        return Change(
            file.path, file.owner, Action.CONFLICT, "a file that msforge does not know is in the way", there,
            offer=file.content,
        )
    if file.owner is Owner.BOTH:
        return _both(folder, file, there, known.sha256)
    if known.sha256 == digest(there):
        return Change(file.path, file.owner, Action.UPDATE, before=there, after=file.content)
    if known.sha256 == digest(file.content):
        return Change(file.path, file.owner, Action.SKIP, "edited by hand; msforge has nothing new for it", there)
    return Change(
        file.path, file.owner, Action.CONFLICT, "it is msforge's, was edited by hand, and has new content", there,
        offer=file.content,
    )


def _users(file: Generated, there: bytes, build: Build, notes: list[str]) -> Change:
    """The user's own file: left alone, but for handlers that are missing."""
    if file.path not in build.handlers:
        return Change(file.path, file.owner, Action.SKIP, "yours", there)
    try:
        added = stubs.append(there, file.content)
    except stubs.UnreadableError as error:
        return Change(file.path, file.owner, Action.CONFLICT, error.message, there, offer=file.content)
    if not added.names:
        return Change(file.path, file.owner, Action.SKIP, "yours", there)
    notes += [f"{file.path}: {note}" for note in added.notes]
    named = ", ".join(added.names)
    return Change(file.path, file.owner, Action.UPDATE, f"adds {named} at its end", there, added.content)


def _both(folder: Path, file: Generated, there: bytes, known: str) -> Change:
    if known == digest(there):
        return Change(file.path, file.owner, Action.UPDATE, before=there, after=file.content)
    if known == digest(file.content):
        return Change(file.path, file.owner, Action.SKIP, "yours; msforge has nothing new for it", there)
    base = base_of(folder, file.path)
    if base is None or digest(base) != known:
        return Change(
            file.path, file.owner, Action.CONFLICT, "what msforge wrote last time is lost: no merge is possible",
            there, offer=file.content,
        )
    merged = merge.merge(base, there, file.content)
    if merged.conflicts:
        where = f"{merged.conflicts} place{'s' if merged.conflicts > 1 else ''}"
        return Change(
            file.path, file.owner, Action.CONFLICT, f"both you and msforge changed the same lines ({where})", there,
            offer=merged.content,
        )
    if digest(merged.content) == digest(there):
        return Change(file.path, file.owner, Action.IDENTICAL, before=there, after=there)
    return Change(file.path, file.owner, Action.MERGE, before=there, after=merged.content)


def _gone(folder: Path, state: State, kept: set[str], build: Build, notes: list[str]) -> Iterator[Change]:
    """Files that msforge wrote and that nothing asks for any more."""
    folders = {service["folder"] for service in build.services}
    left = {service["folder"] for service in state.services.values()} - folders
    notes += [
        f"{gone}/ is no longer in the description; its files are left, delete the folder when you want to"
        for gone in sorted(left)
        if (folder / gone).exists()
    ]
    for path, known in state.files.items():
        if path in kept or any(path.startswith(f"{gone}/") for gone in left) or linked(folder, path):
            continue
        target = folder / path
        if not target.is_file():
            continue
        there = target.read_bytes()
        if known.owner is Owner.MSFORGE and digest(there) == known.sha256:
            yield Change(path, known.owner, Action.REMOVE, "msforge's own, and no longer needed", there)
        else:
            yield Change(path, known.owner, Action.SKIP, "no longer needed, but your work is in it: left", there)


def _removed_handlers(build: Build, state: State) -> list[str]:
    wanted = {file.path: stubs.functions(file.content) for file in build.files if file.path in build.handlers}
    return [
        f"{path}: `{name}` is no longer in the description; your code is left"
        for path, names in state.handlers.items()
        if path in wanted
        for name in names
        if name not in wanted[path]
    ]


def linked(folder: Path, path: str) -> str:
    """The first part of a path below `folder` that is a symbolic link, "" for none."""
    here = folder
    for part in path.split("/"):
        here = here / part
        if here.is_symlink():
            return here.relative_to(folder).as_posix()
    return ""
