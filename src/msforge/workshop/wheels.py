"""Wheels as files: what they are, what they need, whether they are whole."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel: its project's name, its version, and what it requires."""

    path: Path
    name: str
    version: Version
    requires: tuple[Requirement, ...]


def read_wheel(path: Path) -> Wheel:
    """A wheel's metadata. Raises ValueError for a file that is not a whole wheel."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError(f"{path.name} is damaged")
            inside = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            headers = BytesHeaderParser().parsebytes(archive.read(inside))
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, StopIteration, EOFError) as error:
        raise ValueError(f"{path.name} is damaged") from error
    required = tuple(Requirement(line) for line in headers.get_all("Requires-Dist") or ())
    return Wheel(path, canonicalize_name(headers["Name"]), Version(headers["Version"]), required)


def missing(wheels: Iterable[Wheel], roots: Iterable[Requirement], markers: Mapping[str, str]) -> list[Requirement]:
    """What an installation of `roots` would not find among `wheels`, on a machine with these markers."""
    known: dict[str, list[Wheel]] = {}
    for wheel in wheels:
        known.setdefault(wheel.name, []).append(wheel)
    lacking: dict[str, Requirement] = {}
    seen: set[tuple[str, str]] = set()
    todo = list(roots)
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        fitting = [w for w in known.get(name, ()) if asked.specifier.contains(w.version, prereleases=True)]
        if not fitting:
            lacking[str(asked)] = asked
            continue
        for wheel in fitting:
            for extra in ("", *sorted(asked.extras)):
                if (wheel.path.name, extra) not in seen:
                    seen.add((wheel.path.name, extra))
                    todo += [r for r in wheel.requires if _applies(r, extra, markers)]
    return [lacking[text] for text in sorted(lacking)]


def _applies(required: Requirement, extra: str, markers: Mapping[str, str]) -> bool:
    return required.marker is None or required.marker.evaluate({**markers, "extra": extra})
