"""Folders of templates: where they are, what is refused in a stranger's, how one is read.

A template is a cookiecutter template: `cookiecutter.json` beside a folder whose name is a variable. msforge renders it
itself, sandboxed; `cookiecutter templates/python` renders the same folder with the defaults of its `cookiecutter.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msforge.errors import MsforgeError, UsageError

SHARED: Final = "templates"
"""Beside the rendered folder: what its files include, as cookiecutter looks for it."""
MOST_FILES: Final = 2000


@dataclass(frozen=True, slots=True)
class Template:
    """One template. `defaults` is its cookiecutter.json, `inside` the folder whose name is a variable."""

    folder: Path
    inside: Path
    defaults: dict[str, Any] = field(repr=False)
    runs_code: tuple[str, ...] = ()
    """What of it would run code: hooks and extensions, by name. Only a trusted template has any."""

    @property
    def files(self) -> list[Path]:
        """Its files, relative to `inside`, in order."""
        return sorted(path.relative_to(self.inside) for path in _walk(self.inside) if path.is_file())


def root() -> Path:
    """msforge's own templates: in the wheel beside the package's modules, in a checkout at its root."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_templates", package.parent.parent / "templates"):
        if folder.is_dir():
            return folder
    raise MsforgeError(
        "this installation of msforge has no templates", hint="install it again: pip install --force-reinstall msforge"
    )


def find(name: str, brought: Path | None, *, trust: bool = False) -> Template:
    """The template `name` (a language, or `system`) from the folder that was brought, else msforge's own."""
    if brought is not None:
        if not brought.is_dir():
            raise UsageError(f"there is no folder {brought}", hint="--templates wants a folder that holds `python/`")
        if (brought / name).is_dir():
            return read(brought / name, trust=trust)
        if name == "python" and (brought / "cookiecutter.json").is_file():
            return read(brought, trust=trust)
    return read(root() / name)


def read(folder: Path, *, trust: bool = False) -> Template:
    """A template that is safe to render. Raises UsageError for one that is not, or is none."""
    refused = _links(folder)
    if refused:
        raise UsageError(
            f"the template {folder} has a symbolic link: {refused[0]}", hint="put a copy of what it points to there"
        )
    defaults = _defaults(folder)
    runs_code = tuple(_runs_code(folder, defaults))
    if runs_code and not trust:
        raise UsageError(
            f"the template {folder} would run code of its own: {', '.join(runs_code)}",
            hint="read it first; when you trust whoever wrote it, say --trust",
        )
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and "{{" in path.name and "}}" in path.name]
    if len(inside) != 1:
        raise UsageError(
            f"{folder} is no template: it needs exactly one folder whose name is a variable, found {len(inside)}",
            hint="such as {{cookiecutter.slug}}/",
        )
    return Template(folder, inside[0], defaults, runs_code)


def _defaults(folder: Path) -> dict[str, Any]:
    path = folder / "cookiecutter.json"
    try:
        plain = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder} is no template: it has no cookiecutter.json") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="it must be a JSON object") from error
    if not isinstance(plain, dict):
        raise UsageError(f"cannot read {path}: it is no JSON object")
    return plain


def _runs_code(folder: Path, defaults: dict[str, Any]) -> Iterator[str]:
    hooks = folder / "hooks"
    if hooks.is_dir():
        yield from (f"hooks/{path.name}" for path in sorted(hooks.iterdir()) if path.name != "__pycache__")
    extensions = defaults.get("_extensions") or []
    if extensions:
        yield f"_extensions {', '.join(map(str, extensions if isinstance(extensions, list) else [extensions]))}"
    yield from (f"{path.name}" for path in sorted(folder.glob("local_extensions*")))


def _links(folder: Path) -> list[str]:
    found = []
    for count, path in enumerate(_walk(folder)):
        if count >= MOST_FILES:
            raise UsageError(f"{folder} has more than {MOST_FILES} files: this is no template")
        if path.is_symlink():
            found.append(path.relative_to(folder).as_posix())
    return found


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder, links not followed, what tools leave behind left out."""
    for path in sorted(folder.iterdir()):
        if path.name in ("__pycache__", ".git") or path.suffix == ".pyc":
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
