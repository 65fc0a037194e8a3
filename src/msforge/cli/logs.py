"""`msforge logs`: one log of all services."""

from __future__ import annotations

from typing import Annotated

import typer

from msforge.cli.common import terminal
from msforge.cli.running import HERE, FolderOption


def logs(
    service: Annotated[
        str | None, typer.Argument(metavar="SERVICE", help="Only this service, or replica.", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what comes, too, until it is down.")] = False,
    folder: FolderOption = HERE,
) -> None:
    """Show what the services log, each line with its replica in front.

    \b
    Examples:
      msforge logs
      msforge logs -f order
    """
    import msforge
    from msforge.report.text import clean

    out = terminal().out.file
    width = 0
    try:
        for replica, line in msforge.logs(folder, service, follow=follow):
            width = max(width, len(replica))
            out.write(f"{clean(replica):<{width}} | {clean(line)}\n")
            if follow:
                out.flush()
    except KeyboardInterrupt:
        if not follow:
            raise
