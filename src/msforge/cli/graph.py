"""`msforge graph`: a picture of the system."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import ExampleOption, FileArgument, ScenarioOption, SetOption, loading, terminal
from msforge.errors import UsageError


class Format(StrEnum):
    """What to draw."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"
    TEXT = "text"


ENDINGS = {
    ".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID, ".dot": Format.DOT, ".gv": Format.DOT,
    ".txt": Format.TEXT,
}  # fmt: skip


def graph(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="What to draw it as.", show_default="by the file's ending, else svg")
    ] = None,
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
    wanted = format or _by_ending(out)
    drawn = msforge.graph(**found, format=wanted.value, whole=whole)
    term = terminal()
    if out is None and wanted is Format.SVG and term.out.is_terminal:
        out = Path(f"{Path(str(found['source'])).stem}.svg")
    if out is None:
        term.raw(drawn if drawn.endswith("\n") else f"{drawn}\n")
        return
    from msforge.report.files import check_writable, write_atomically

    content = drawn.encode("utf-8")
    check_writable(out, begin=content[:4])
    write_atomically(out, content)
    term.say(f"wrote {out}")


def _by_ending(out: Path | None) -> Format:
    if out is None or not out.suffix:
        return Format.SVG
    if out.suffix.lower() in ENDINGS:
        return ENDINGS[out.suffix.lower()]
    raise UsageError(f"{out.name}: a picture is written as {', '.join(ENDINGS)}",
                     hint=f"name the format to have it in that file all the same: --format svg --out {out.name}")
