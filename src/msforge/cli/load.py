"""`msforge load`: send the file's own traffic to the services that run."""

from __future__ import annotations

from typing import Annotated

import typer

from msforge.cli.common import INTERRUPTED, JsonOption, QuietOption, ScenarioOption, SetOption, terminal
from msforge.cli.running import HERE, FolderOption


def load(
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="TIME", help="Send for this long, e.g. 30s.", show_default="from the file"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Decides every random draw.", show_default="from the file")
    ] = None,
    folder: FolderOption = HERE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Send the description's traffic to the running services, and its faults, at their times.

    \b
    Examples:
      msforge load
      msforge load --scenario payment-slow --duration 90s
      msforge load --set traffic.shoppers.rate=20/s --json
    """
    import msforge
    from msforge.cli.interrupt import Interrupt
    from msforge.report.running import LiveTable, load_summary

    term = terminal(quiet=quiet)
    changes = [*(sets or ()), *((f"simulation.duration={duration}",) if duration else ())]
    with LiveTable(term.err, shown=not quiet) as shown, Interrupt() as stop:
        result = msforge.send_traffic(
            folder, scenario=scenario, sets=changes, seed=seed, progress=shown, stop=stop, tell=term.say
        )
    plain = result.plain()
    if as_json:
        import json

        term.raw(json.dumps(plain, indent=2) + "\n")
    else:
        term.show(*load_summary(plain, term.out.width))
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)
