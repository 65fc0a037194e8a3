"""`msforge verify`: predict, run, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from msforge.cli.common import (
    DISAGREES,
    INCONCLUSIVE,
    ExampleOption,
    FileArgument,
    JsonOption,
    QuietOption,
    ScenarioOption,
    SetOption,
    loading,
    terminal,
)
from msforge.cli.html import HtmlOption, OpenOption, check_html, write_html
from msforge.cli.running import system_around
from msforge.errors import UsageError

CODES = {"agrees": 0, "disagrees": DISAGREES, "inconclusive": INCONCLUSIVE}

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", "-C", metavar="DIR", help="Verify this generated system, with its code as it is now.",
                 show_default=False, callback=lambda found: None if found is None else system_around(found)),
]
SlowOption = Annotated[
    float | None,
    typer.Option("--slow-motion", metavar="TIMES", min=0.1, max=1000, help="Stretch all times by this.",
                 show_default="as far as this machine needs"),
]


def verify(
    file: FileArgument = None,
    example: ExampleOption = None,
    folder: FolderOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="TIME", help="Run for this long, e.g. 60s.", show_default="from the file"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Decides every random draw.", show_default="from the file")
    ] = None,
    slow_motion: SlowOption = None,
    no_calibration: Annotated[
        bool, typer.Option("--no-calibration", help="Leave out of the simulation what this machine adds.")
    ] = False,
    replications: Annotated[
        int, typer.Option("--replications", "-n", min=5, max=1000, help="Simulated runs behind the intervals.")
    ] = 30,
    every: Annotated[bool, typer.Option("--all", help="Show every figure.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the comparison to FILE (JSON).",
                                  show_default=False)
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option("--measured", metavar="FILE", help="Write what was measured to FILE, for `msforge report`.",
                     show_default=False),
    ] = None,
    html: HtmlOption = None,
    open_it: OpenOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Simulate it, run it for real under the same load, and say whether the two agree.

    Exit codes: 0 they agree, 98 they disagree, 97 inconclusive: the machine spoiled the measurement.

    \b
    Examples:
      msforge verify shop.yaml --scenario verify
      msforge verify --example shop --scenario verify --slow-motion 4
      msforge verify -C my-shop --all
      msforge verify --example shop --scenario verify --html verify.html
    """
    import msforge
    from msforge.cli.interrupt import Interrupt
    from msforge.report.agreement import agreement_report
    from msforge.report.files import check_writable, write_atomically
    from msforge.report.progress import ProgressBar
    from msforge.report.running import LiveTable

    term = terminal(quiet=quiet)
    what = _what(file, example, folder, scenario, sets, duration)
    for wanted in filter(None, (out, measured)):
        check_writable(wanted, never=file)
    check_html(html, open_it, never=[path for path in (file, out, measured) if path is not None])
    with ProgressBar(term.err) as bar, LiveTable(term.err, shown=not quiet) as shown, Interrupt() as stop:
        found = msforge.verify(
            **what, seed=seed, slow_motion=slow_motion, calibrated=not no_calibration, replications=replications,
            simulating=None if quiet else bar, loading=shown, stop=stop, tell=term.say,
        )
    text = found.agreement.to_json()
    if out is not None:
        write_atomically(out, text.encode("utf-8"))
    if measured is not None:
        msforge.write_result(found.measured, measured)
    if html is not None:
        from msforge.report.page import agreement_page

        sides = (found.agreement, found.simulated, found.measured)
        write_html(html, open_it, lambda command: agreement_page(*sides, command), term)
    if as_json:
        term.raw(text)
    else:
        term.show(*agreement_report(found.agreement, term.out.width, every=every))
    code = CODES[found.agreement.verdict]
    if code:
        raise typer.Exit(code)


def _what(
    file: Path | None, example: str | None, folder: Path | None, scenario: str | None, sets: list[str] | None,
    duration: str | None,
) -> dict[str, Any]:
    """A description, or a generated system, with what is laid over it."""
    if folder is None:
        found = loading(file, example, scenario, sets, duration)
        found["file"] = found.pop("source")
        return found
    if file is not None or example is not None:
        raise UsageError("give FILE or -C DIR, not both", hint="FILE: services made for the occasion; -C: your own")
    changes = (*(sets or ()), *((f"simulation.duration={duration}",) if duration else ()))
    return {"folder": folder, "scenario": scenario, "sets": changes}
