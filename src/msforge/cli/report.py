"""`msforge report`: the summary of a result that was written earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, WindowOption, existing, terminal, window_of
from msforge.cli.html import HtmlOption, OpenOption, check_html, write_html


def report(
    file: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A result written by simulate --out.", show_default=False)
    ],
    window: WindowOption = None,
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
    """
    import msforge
    from msforge.report.summary import summary

    term = terminal()
    check_html(html, open_it)
    result = msforge.read_result(existing(file, suffixes=(".json",)), window=window_of(window))
    if as_json:
        term.raw(result.to_json())
    else:
        term.show(*summary(result, term.out.width))
    if html is not None:
        from msforge.report.page import run_page

        write_html(html, open_it, lambda command: run_page(result, command), term)
