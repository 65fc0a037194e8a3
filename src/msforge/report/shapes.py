"""The few shapes a report is made of: headings, tables with numbers to the right, hanging bullets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from msforge.report.text import NOTHING, clean

INDENT = 2


def heading(words: str) -> Text:
    """A section's title, with an empty line above it."""
    return Text("\n" + words, style="bold")


def indented(part: RenderableType) -> Padding:
    """`part` under a heading."""
    return Padding(part, (0, 0, 0, INDENT), expand=False)


def table(titles: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int, *, names: int = 1) -> Padding:
    """A borderless, indented table of `width` columns: first `names` columns of words, then numbers, to the right.

    Numbers are never cut. When the table is too wide, first the gaps narrow, then the first name is cut.
    """
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    wide = [max([len(title), *(row[n].cell_len for row in cells)]) for n, title in enumerate(titles)]
    room = width - INDENT
    gap = 2 if sum(wide) + 2 * (len(wide) - 1) <= room else 1
    excess = sum(wide) + gap * (len(wide) - 1) - room
    wide[0] = max(wide[0] - max(excess, 0), min(wide[0], 8))
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="underline")
    for n, title in enumerate(titles):
        made.add_column(
            title, justify="left" if n < names else "right", no_wrap=True, overflow="ellipsis", width=wide[n]
        )
    for first, *others in cells:
        made.add_row(shortened(first, wide[0]), *others)
    return indented(made)


def shortened(text: Text, width: int) -> Text:
    """`text` in at most `width` columns: its middle goes, since names that begin alike often end differently."""
    if text.cell_len <= width:
        return text
    front = (width - 1) * 3 // 5
    short = text.plain[:front] + "…" + text.plain[len(text.plain) - (width - 1 - front) :]
    return Text(short, style=text.style)


def bullets(items: Iterable[str], mark: str = "•") -> Table:
    """Sentences with a hanging indent; `mark` "1" numbers them."""
    made = Table.grid(padding=(0, 1))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for n, item in enumerate(items, 1):
        made.add_row(f"{n}." if mark == "1" else mark, Text(clean(item)))
    return made


def name(text: str, limit: int = 60) -> Text:
    """A user's name, harmless and not longer than a table can bear."""
    return Text(clean(text, limit=limit))


def number(text: str, *, alarm: bool = False) -> Text:
    """A cell; `alarm` makes it stand out (the number itself says why)."""
    return Text(text, style="bold red" if alarm else ("dim" if text in ("0", "0%", NOTHING) else ""))
