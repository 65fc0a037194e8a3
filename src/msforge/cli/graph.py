"""`msforge graph`: a picture of the system."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import ExampleOption, FileArgument, ScenarioOption, SetOption, loading, terminal


class Format(StrEnum):
    """What to draw."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"
    TEXT = "text"


def graph(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="What to draw it as.")] = Format.SVG,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to FILE instead of stdout.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Every service of a large system by itself, not in groups.")
    ] = False,
) -> None:
    """Draw the system: who calls whom, with which policies, and what lies between.

    On a terminal an SVG goes into a file in this folder.

    \b
    Examples:
      msforge graph shop.yaml --out shop.svg
      msforge graph --example shop --format text
      msforge graph shop.yaml --format mermaid
    """
    import msforge

    found = loading(file, example, scenario, sets)
    drawn = msforge.graph(**found, format=format.value, whole=whole)
    term = terminal()
    if out is None and format is Format.SVG and term.out.is_terminal:
        out = Path(f"{Path(str(found['source'])).stem}.svg")
    if out is None:
        term.raw(drawn if drawn.endswith("\n") else f"{drawn}\n")
        return
    from msforge.report.files import check_writable, write_atomically

    content = drawn.encode("utf-8")
    check_writable(out, begin=content[:4])
    write_atomically(out, content)
    term.say(f"wrote {out}")
