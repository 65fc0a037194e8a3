"""A generated system on disk, as far as running it needs to know."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from msforge.errors import UsageError
from msforge.model.plan import System
from msforge.scaffold import names

_PREFIX: Final = re.compile(r"env_prefix\s*=\s*[\"']([A-Z0-9_]+)[\"']")


@dataclass(frozen=True, slots=True)
class Package:
    """A service's Python package: `name`, in `folder`. `prefix` begins the names of its environment variables."""

    service: str
    folder: Path
    name: str
    prefix: str


def option(folder: Path) -> str:
    """How a command reaches a system from here: " -C FOLDER", quoted for a shell, or "" when this is its folder."""
    here, there = Path.cwd(), folder.absolute()
    if there == here:
        return ""
    short = str(there.relative_to(here)) if there.is_relative_to(here) else str(there)
    quoted = shlex.quote(short) if os.name != "nt" else f'"{short}"' if " " in short else short
    return f" -C {quoted}"


def description_of(folder: Path, said: str | None) -> Path:
    """The description in a generated folder; `said` is what its state file calls it. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="generate a system: msforge new shop --example shop")
    if said:
        file = folder / said
        if file.is_file():
            return file
        raise UsageError(f"{file} is gone", hint="bring it back: the services were generated from it")
    if not (folder / "services").is_dir():
        written = names.descriptions(folder)
        how = f"msforge new NAME --from {written[0].name}" if written else "msforge new NAME"
        raise UsageError(
            f"{folder} is no generated system",
            hint=f"go to one (cd), name one (msforge up -C DIR), or generate it: {how}",
        )
    found = names.descriptions(folder)
    if len(found) != 1:
        raise UsageError(f"{folder} holds {len(found) or 'no'} descriptions", hint="which one is it? `msforge sync`")
    return found[0]


def packages(folder: Path, system: System, known: Mapping[str, Mapping[str, str]]) -> dict[str, Package]:
    """Each service's package; `known` is what the state file says. Raises UsageError that names what is missing."""
    folders = names.folders(service.name for service in system.services)
    made, missing = {}, []
    for service in system.services:
        said = known.get(service.name, {})
        where = folder / said.get("folder", f"services/{folders[service.name]}")
        package = _package(where, said.get("package"))
        if package is None:
            missing.append(service.name)
        else:
            made[service.name] = Package(service.name, where, package.name, _prefix(package, service.name))
    if missing:
        raise UsageError(
            f"not generated yet: {', '.join(missing[:5])}" + (" ..." if len(missing) > 5 else ""),
            hint="the description has changed since; bring the code up to it: msforge sync",
        )
    return made


def _package(where: Path, name: str | None) -> Path | None:
    """The folder that holds an app factory."""
    if not where.is_dir():
        return None
    if name is not None:
        return where / name if (where / name / "app.py").is_file() else None
    found = [p for p in sorted(where.iterdir()) if (p / "app.py").is_file() and (p / "__init__.py").is_file()]
    return found[0] if found else None


def _prefix(package: Path, service: str) -> str:
    try:
        found = _PREFIX.search((package / "settings.py").read_text("utf-8"))
    except OSError:
        found = None
    return found[1] if found else re.sub(r"[^A-Z0-9]+", "_", service.upper()) + "_"


def imported(package: Package) -> tuple[ModuleType, ModuleType]:
    """Its `app` and `settings` modules. A package of the same name from elsewhere makes room for it."""
    known = sys.modules.get(package.name)
    if known is not None and Path(known.__file__ or "").parent.parent.resolve() != package.folder.resolve():
        for name in [n for n in sys.modules if n == package.name or n.startswith(f"{package.name}.")]:
            del sys.modules[name]
    path = str(package.folder)
    if path in sys.path:
        sys.path.remove(path)
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    return importlib.import_module(f"{package.name}.app"), importlib.import_module(f"{package.name}.settings")
