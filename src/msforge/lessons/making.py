"""A teacher's own lab: a folder that already is one, to be changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from msforge.errors import ConflictError, UsageError
from msforge.lessons import library
from msforge.lessons.lab import Lab, read_lab
from msforge.lessons.selftest import write

TEMPLATE: Final = "_template"


def new(folder: Path) -> Lab:
    """Makes `folder`: a small lab that passes its self-test. Raises ConflictError when the folder holds anything."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", folder.name):
        raise UsageError(f"`{folder.name[:60]}` is no good name for a lab",
                         hint="take letters, digits and dashes: my-lab")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} exists and is not empty; nothing was written", hint="choose another name")
    try:
        shutil.copytree(library.root() / TEMPLATE, folder, dirs_exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {(error.strerror or str(error)).lower()}",
                         hint="choose a folder you may write to") from error
    lab = read_lab(folder)
    write(lab)
    return lab
