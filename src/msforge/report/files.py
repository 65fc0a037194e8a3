"""Output files: found unwritable before the work, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from msforge.errors import ConflictError, UsageError


def check_writable(path: Path, *, never: Path | None = None, begin: bytes = b"{") -> None:
    """Raises unless a result can be written to `path` later.

    Refused: a missing or unwritable folder, a folder in place of a file, a read-only file, the description
    itself (`never`), and (ConflictError) a file that begins otherwise than what is to be written (`begin`).
    """
    if str(path) == "-":
        raise UsageError("--out wants a file name", hint="to print the result on stdout, use --json")
    try:
        _check(path, never, begin)
    except (OSError, ValueError) as e:
        raise _unwritable(path, e) from e


def _check(path: Path, never: Path | None, begin: bytes) -> None:
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder", hint=f"name a file in it: {path / 'run.json'}")
    parent = path.resolve().parent
    if not parent.is_dir():
        raise UsageError(f"cannot write {path}: the folder {parent} does not exist", hint="create it first")
    if path.exists():
        if never is not None and never.exists() and path.samefile(never):
            raise ConflictError(
                f"{path} is the description itself", hint="choose another name for the result: --out run.json"
            )
        if not path.is_file():
            return  # a device or a pipe: written in place
        if not os.access(path, os.W_OK):
            raise UsageError(
                f"cannot write {path}: permission denied", hint="choose another file, or change its permissions"
            )
        with path.open("rb") as existing:
            if existing.read(len(begin)) not in (b"", begin):
                what = "is not a result file" if begin == b"{" else "holds something else"
                raise ConflictError(f"{path} exists and {what}", hint="choose another name, or delete it first")
    probe = _temporary(path)
    with probe.open("xb"):
        pass
    probe.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes `data` to `path` so that a reader sees the old file or the new one, never half of it."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve()  # a link stays a link
        temporary = _temporary(target)
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as e:
        raise _unwritable(path, e) from e


def _temporary(path: Path) -> Path:
    target = path.resolve()
    return target.with_name(f".{target.name[:60]}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError | ValueError) -> UsageError:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return UsageError(
        f"cannot write {path}: {reason.lower()}", hint="choose a place you may write to, e.g. --out run.json"
    )
