"""`msforge ps`: what runs."""

from __future__ import annotations

from msforge.cli.common import JsonOption, terminal
from msforge.cli.running import HERE, FolderOption


def ps(folder: FolderOption = HERE, as_json: JsonOption = False) -> None:
    """Show the services that run, their replicas, channels and faults.

    \b
    Examples:
      msforge ps
      msforge ps --json
    """
    import msforge

    view = msforge.ps(folder)
    term = terminal()
    if as_json:
        import json

        term.raw(json.dumps(view, indent=2) + "\n")
        return
    from msforge.report.running import services_table

    term.show(*services_table(view, term.out.width))
