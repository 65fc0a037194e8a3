"""Where msforge keeps what belongs to a user or a machine: $MSFORGE_HOME, or the platform's own places."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

HOME: Final = "MSFORGE_HOME"
"""The environment variable that names another folder, for all of it."""


def data() -> Path:
    """What is the user's, like progress. It need not exist yet."""
    return _folder("XDG_DATA_HOME", Path(".local/share"), Path("Library/Application Support"), Path("msforge"))


def cache() -> Path:
    """What can be made again, like calibrations. It need not exist yet."""
    return _folder("XDG_CACHE_HOME", Path(".cache"), Path("Library/Caches"), Path("msforge/Cache"))


def _folder(variable: str, linux: Path, mac: Path, windows: Path) -> Path:
    told = os.environ.get(HOME)
    if told:
        return Path(told).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / windows
    if sys.platform == "darwin":
        return Path.home() / mac / "msforge"
    return Path(os.environ.get(variable) or Path.home() / linux) / "msforge"
