"""`msforge report`: the summary of a result that was written earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, WindowOption, existing, terminal, window_of
from msforge.cli.exports import Exports, MetricsOption, TracesFormat, TracesFormatOption, TracesOption
from msforge.cli.html import HtmlOption, OpenOption, check_html, write_html
from msforge.errors import UsageError


def report(
    file: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A result written by simulate --out.", show_default=False)
    ],
    window: WindowOption = None,
    traces: TracesOption = None,
    traces_format: TracesFormatOption = TracesFormat.OTLP,
    metrics: MetricsOption = None,
    html: HtmlOption = None,
    open_it: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a result again, or a part of it.

    \b
    Examples:
      msforge report run.json
      msforge report run.json --window 60s..80s
      msforge report run.json --html report.html --open
      msforge report run.json --json | jq .objectives
      msforge report run.json --traces traces.json --metrics run.prom
    """
    import msforge
    from msforge.report.summary import summary

    term = terminal()
    exports = Exports(traces, traces_format, metrics, never=[file])
    if exports and window is not None:
        raise UsageError(
            "--traces and --metrics are about the whole run, not a window of it", hint="leave --window out"
        )
    check_html(html, open_it, never=[file, *exports.files])
    result = msforge.read_result(existing(file, suffixes=(".json",)), window=window_of(window))
    if as_json:
        term.raw(result.to_json())
    else:
        term.show(*summary(result, term.out.width))
    if html is not None:
        from msforge.report.page import run_page

        write_html(html, open_it, lambda command: run_page(result, command), term)
    exports.write(result, term)
