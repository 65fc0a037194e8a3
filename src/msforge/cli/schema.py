"""`msforge schema`: the JSON Schema that editors complete and check descriptions with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import terminal

HINT = "# yaml-language-server: $schema="


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to FILE instead of stdout.")
    ] = None,
) -> None:
    """Print the JSON Schema of the language, for editors.

    \b
    Examples:
      msforge schema > msforge.schema.json
      msforge schema --out msforge.schema.json
    """
    import json

    import msforge

    text = json.dumps(msforge.schema(), indent=2, ensure_ascii=False) + "\n"
    term = terminal()
    if out is None:
        term.raw(text)
        return
    from msforge.report.files import check_writable, write_atomically

    check_writable(out)
    write_atomically(out, text.encode("utf-8"))
    term.say(
        f"wrote {out}. Name it in the first line of a description, and an editor completes it:\n  {HINT}./{out.name}"
    )
