"""`msforge simulate`: run a description and summarise what happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.common import (
    INTERRUPTED,
    OBJECTIVE_FAILED,
    ExampleOption,
    FileArgument,
    JsonOption,
    QuietOption,
    ScenarioOption,
    SetOption,
    StrictOption,
    WindowOption,
    loading,
    strictly,
    terminal,
    window_of,
)
from msforge.cli.exports import Exports, MetricsOption, TracesFormat, TracesFormatOption, TracesOption
from msforge.cli.html import HtmlOption, OpenOption, check_html, write_html
from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.report.console import Terminal
    from msforge.results import Result
    from msforge.spec import Spec

LONG = 10.0
"""Seconds that a run may be expected to take before it is announced."""

SeedOption = Annotated[
    int | None,
    typer.Option("--seed", help="The seed; the same seed gives the same result.", show_default="from the file"),
]
ReplicationsOption = Annotated[
    int | None,
    typer.Option(
        "--replications",
        "-n",
        min=1,
        max=100_000,
        help="Independent runs; intervals come from them.",
        show_default="from the file",
    ),
]
DurationOption = Annotated[
    str | None,
    typer.Option("--duration", metavar="TIME", help="Simulate this long, e.g. 30s.", show_default="from the file"),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Processes to use; the result is the same.", show_default="all cores"),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write the result to FILE (JSON).", show_default=False),
]


def simulate(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    seed: SeedOption = None,
    replications: ReplicationsOption = None,
    duration: DurationOption = None,
    window: WindowOption = None,
    out: OutOption = None,
    traces: TracesOption = None,
    traces_count: Annotated[
        int | None,
        typer.Option(
            "--traces-count", min=1, max=10_000, metavar="N", help="Trace N requests drawn at random instead.",
            show_default="the slowest, a median one and one of each failure",
        ),
    ] = None,
    traces_format: TracesFormatOption = TracesFormat.OTLP,
    metrics: MetricsOption = None,
    html: HtmlOption = None,
    open_it: OpenOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    strict: StrictOption = False,
    processes: ProcessesOption = None,
) -> None:
    """Simulate a system and say whether it holds, where it hurts and why.

    \b
    Examples:
      msforge simulate --example shop
      msforge simulate shop.yaml --scenario payment-down --seed 7 --out run.json
      msforge simulate shop.yaml --scenario payment-slow --html report.html --open
      msforge simulate shop.yaml --set services.payment.replicas=4 --json
      msforge simulate shop.yaml --traces traces.json --traces-count 500
    """
    import msforge
    from msforge.cli.interrupt import Interrupt
    from msforge.report.files import check_writable
    from msforge.report.progress import ProgressBar

    term = terminal(quiet=quiet)
    span = window_of(window)
    given = loading(file, example, scenario, sets, duration)
    if out is not None:
        check_writable(out, never=given["source"])
    if traces_count is not None and traces is None and out is None and not as_json:
        raise UsageError("--traces-count says how many, but not where to", hint="add --traces FILE")
    taken = [given["source"], *([out] if out is not None else [])]
    exports = Exports(traces, traces_format, metrics, never=taken)
    check_html(html, open_it, never=[*taken, *exports.files])
    spec = msforge.load(**given)
    _warnings(spec, given["source"], term, strict)
    _announce(spec, replications, processes, term)
    with ProgressBar(term.err) as progress, Interrupt() as stop:
        shown = None if quiet else progress
        result = msforge.simulate(
            spec, seed=seed, replications=replications, processes=processes, progress=shown, window=span, stop=stop,
            traces=out is not None or html is not None or as_json or traces is not None, sample=traces_count or 0,
        )
    _deliver(result, out, term, as_json)
    if html is not None:
        from msforge.report.page import run_page

        write_html(html, open_it, lambda command: run_page(result, _seeded(command, result.seed)), term)
    exports.write(result, term)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)
    if result.failed:
        raise typer.Exit(OBJECTIVE_FAILED)


def _seeded(command: str, seed: int) -> str:
    """The command with the seed in it, should the file's own be changed one day."""
    return command if "--seed" in command else f"{command} --seed {seed}"


def _announce(spec: Spec, replications: int | None, processes: int | None, term: Terminal) -> None:
    """Says how long a big run will take, before it starts; the absurd ones were refused when the file was read."""
    import os

    import msforge
    from msforge.report.text import count, duration, plural

    size = msforge.estimate(spec)
    runs = replications or spec.model.simulation.replications
    workers = min(processes or os.cpu_count() or 1, runs)
    seconds = size.seconds * -(-runs // workers)
    if seconds > LONG:
        term.say(
            f"a big run: about {count(size.roots)} requests, {count(size.service_requests)} inside, in each of "
            f"{plural(runs, 'replication')}; expect about {duration(seconds * 1e9, 1)}. "
            "Ctrl-C ends it and shows what was measured so far"
        )


def _warnings(spec: Spec, file: Path, term: Terminal, strict: bool) -> None:
    """Only how many: `check` is the place to read them. --strict shows them and ends before the run starts."""
    import msforge
    from msforge.report.diagnostics import show_diagnostics, tally

    found = msforge.check(spec)
    if strict and found:
        show_diagnostics(term.err, found)
        strictly(strict, len(found), term)
    if found:
        term.say(f"{tally(found)} about this file; to read more: msforge check {file}")


def _deliver(result: Result, out: Path | None, term: Terminal, as_json: bool) -> None:
    import msforge
    from msforge.report.summary import summary

    if out is not None:
        msforge.write_result(result, out)
    if as_json:
        term.raw(result.to_json())
    else:
        term.show(*summary(result, term.out.width))
    if out is not None:
        term.say(f"\nwrote {out}. Read it again with: msforge report {out}")
