"""What `msforge workshop bundle` made, with sizes. From plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from msforge.report.shapes import indented, number, table
from msforge.report.text import clean


def bundle_summary(made: Any, width: int) -> Iterator[RenderableType]:
    """The bundle's parts and what to do with it."""
    yield Text.assemble((f"{clean(str(made.folder))}: everything for a room without Wi-Fi", "bold"),
                        f", {megabytes(made.size)}")
    rows = [(clean(part.target), number(str(part.wheels)), number(megabytes(part.size)),
             Text("was there" if part.kept else "fetched")) for part in made.parts]
    yield table(("wheels for", "files", "size", ""), rows, width)
    yield Text()
    for name, size in made.contents.items():
        yield indented(Text(f"{name}: {megabytes(size)}"))
    for words in made.lacking:
        yield indented(Text(f"without {clean(words)}", style="yellow"))


def megabytes(size: int) -> str:
    """Bytes as a person says them."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.0f} kB"
