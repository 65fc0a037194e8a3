"""What the commands about a running system share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FolderOption = Annotated[
    Path,
    typer.Option("--folder", "-C", metavar="DIR", help="The generated system's folder.", show_default="here"),
]
HERE = Path()
