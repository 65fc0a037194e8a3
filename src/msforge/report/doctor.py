"""What `msforge doctor` found, as a table for 80 columns. From plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from msforge.report.shapes import heading, indented
from msforge.report.text import clean

STYLES = {"ok": "green", "note": "dim", "warn": "yellow", "fail": "bold red"}


def checkup(found: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """The findings by group, then the verdict."""
    names = max((len(check["name"]) for check in found["checks"]), default=0)
    for group, checks in groupby(found["checks"], key=lambda check: check["group"]):
        yield heading(clean(str(group)).capitalize())
        made = Table.grid(padding=(0, 2))
        made.add_column(no_wrap=True, width=4)
        made.add_column(no_wrap=True, width=names)
        made.add_column(overflow="fold", width=max(width - names - 10, 20))
        for check in checks:
            words = Text(clean(check["found"]))
            if check["help"]:
                words.append("\n" + clean(check["help"]), style="cyan" if check["state"] != "note" else "dim")
            made.add_row(Text(check["state"], style=STYLES[check["state"]]), clean(check["name"]), words)
        yield indented(made)
    yield Text("\n" + clean(found["verdict"]), style="bold green" if found["ready"] else "bold red")
