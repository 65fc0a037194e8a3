"""Where msforge keeps what belongs to a machine, not to a system: calibrations, and the systems that verify runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

HOME: Final = "MSFORGE_HOME"
"""The environment variable that names another folder."""


def home() -> Path:
    """The folder: $MSFORGE_HOME, or where this system keeps users' caches. It need not exist yet."""
    told = os.environ.get(HOME)
    if told:
        return Path(told).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "msforge" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "msforge"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "msforge"


def calibration_file() -> Path:
    """Where this machine's calibration is kept."""
    return home() / "calibration.json"


def runs_folder() -> Path:
    """Where the systems lie that a verification generates and runs, a folder each, named for its process."""
    return home() / "runs"
