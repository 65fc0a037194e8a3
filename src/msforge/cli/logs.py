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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the lines as they were written, with every field.")
    ] = False,
) -> None:
    """Show what the services log, each line with its replica in front.

    \b
    Examples:
      msforge logs
      msforge logs -f order
      msforge logs --json | grep TRACE_ID
    """
    import msforge
    from msforge.live.logs import files
    from msforge.report.logs import json_line, log_lines

    out = terminal().out.file
    width = 0
    try:
        for replica, line in msforge.logs(folder, service, follow=follow):
            width = width or max(len(file.stem) for file in files(folder, service))
            shown = [json_line(replica, line)] if as_json else log_lines(replica, line, width)
            out.writelines(f"{text}\n" for text in shown)
            if follow:
                out.flush()
    except KeyboardInterrupt:
        if not follow:
            raise
