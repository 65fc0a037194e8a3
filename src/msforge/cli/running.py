"""What the commands about a generated system share: its folder goes after -C, with every one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from msforge.cli.common import guarded
from msforge.errors import UsageError

HERE = Path()
MARK = ".msforge"
"""The folder that every generated system has."""


def system_around(folder: Path) -> Path:
    """The generated system that `folder` lies in, as git finds its repository; `folder` itself when there is none."""
    if (folder / MARK).is_dir():
        return folder
    return next((above for above in folder.absolute().parents if (above / MARK).is_dir()), folder)


FolderOption = Annotated[
    Path,
    typer.Option(
        "--folder", "-C", metavar="DIR", help="The generated system's folder, or one in it.", show_default="here",
        callback=system_around,
    ),
]


class AboutASystem(TyperCommand):
    """A command that says where a folder goes when it is given as a bare word."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.allow_extra_args = True

    def invoke(self, ctx: Any) -> Any:
        """Runs it, unless words are left over."""
        if ctx.args:
            guarded(_too_many)(ctx.command_path, ctx.args[0])
        return super().invoke(ctx)


def _too_many(command: str, word: str) -> NoReturn:
    raise UsageError(f"one word too many: {word}", hint=f"a folder goes after -C: {command} -C {word}")
