"""`msforge calibrate`: what this machine adds to a system's own times."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, terminal


def calibrate(
    show: Annotated[bool, typer.Option("--show", help="Measure nothing; show what was measured last.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure what this machine adds to every request, in half a minute. `verify` does it by itself when needed.

    \b
    Examples:
      msforge calibrate
      msforge calibrate --show
    """
    import msforge
    from msforge.cli.interrupt import Interrupt
    from msforge.errors import UsageError
    from msforge.model.overheads import NAMES
    from msforge.report.agreement import calibration_report
    from msforge.report.running import LiveTable
    from msforge.verification import calibration

    term = terminal(quiet=quiet)
    found = calibration.read() if show else None
    if show and found is None:
        raise UsageError("this machine was not calibrated yet", hint="msforge calibrate")
    if found is None:
        with LiveTable(term.err, shown=not quiet) as shown, Interrupt() as stop:
            found = msforge.calibrate(loading=shown, stop=stop, tell=term.say)
    elif differs := found.differs():
        term.warn(f"it is not this machine's: {differs}; `msforge verify` will measure anew")
    plain = found.plain()
    if as_json:
        term.raw(json.dumps(plain) + "\n")
    else:
        term.show(*calibration_report(plain, dict(NAMES), term.out.width))
