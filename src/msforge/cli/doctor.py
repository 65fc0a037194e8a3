"""`msforge doctor`: is this laptop ready for class?"""

from __future__ import annotations

import typer

from msforge.cli.common import UNEXPECTED, JsonOption, QuietOption, terminal


def doctor(as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Look whether this laptop is ready: versions, console, ports, browser, disk, clock, speed, optional servers.

    Changes nothing and needs no network. The exit code is 0 when it is ready for class, else 1.

    \b
    Examples:
      msforge doctor
      msforge doctor --json
    """
    import msforge

    term = terminal(quiet=quiet)
    if term.err.is_terminal and not quiet:
        with term.err.status("looking ...") as status:
            found = msforge.doctor(tell=lambda name: status.update(f"looking at {name} ..."))
    else:
        found = msforge.doctor()
    if as_json:
        import json

        term.raw(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n")
    else:
        from msforge.report.doctor import checkup

        term.show(*checkup(found.to_dict(), term.out.width))
    if not found.ready:
        raise typer.Exit(UNEXPECTED)
