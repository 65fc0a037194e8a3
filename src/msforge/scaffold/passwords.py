"""Passwords of a generated folder: made for it alone, in files that git does not see, never in a plan or a log."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FILES: Final = (".env", "deploy/k8s/overlays/local/passwords.env")
"""Where compose and the local overlay of Kubernetes read them."""
HEADER: Final = "# Passwords that msforge made for this folder alone. Not for git. `msforge sync` adds missing ones.\n"


def made(names: Iterable[str]) -> dict[str, str]:
    """A new password for each name."""
    return {name: secrets.token_urlsafe(24) for name in names}


def missing(folder: Path, names: Iterable[str]) -> list[str]:
    """The names that one of the files lacks."""
    known = [_read(folder / file) for file in FILES]
    return [name for name in names if any(name not in found for found in known)]


def add(folder: Path, names: Iterable[str]) -> None:
    """Add what is missing to the files; what stands in either is kept, and the same in both. Raises OSError."""
    wanted = list(names)
    if not missing(folder, wanted):
        return
    known: dict[str, str] = {}
    for file in reversed(FILES):
        known |= _read(folder / file)
    known |= made(name for name in wanted if name not in known)
    for file in FILES:
        path = folder / file
        there = _read(path)
        lacking = {name: known[name] for name in wanted if name not in there}
        before = path.read_bytes() if path.is_file() else b""
        if lacking:
            end = b"" if not before or before.endswith(b"\n") else b"\n"
            lines = "".join(f"{name}={password}\n" for name, password in lacking.items()).encode()
            write(path, before + end + lines if before else HEADER.encode() + lines)


def write(path: Path, content: bytes) -> None:
    """A file for nobody but its owner to read, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8", "replace").splitlines()
    return {found[1]: found[2] for line in lines if (found := re.match(r"\s*([A-Z_][A-Z0-9_]*)=(.*)", line))}
