"""`msforge down`: take the system down."""

from __future__ import annotations

from msforge.cli.common import terminal
from msforge.cli.running import HERE, FolderOption


def down(folder: FolderOption = HERE) -> None:
    """Take the running services down.

    \b
    Examples:
      msforge down
    """
    import msforge

    system = msforge.down(folder)
    terminal().say(f"{system} is down" if system else "nothing was up")
