"""A diagnostic as plain text, the way rustc and ruff show one."""

from __future__ import annotations

import unicodedata

from msforge.errors import Diagnostic

_WIDEST = 120


def render(diagnostic: Diagnostic) -> str:
    """Code and message, place, the source line with carets below it, and the help line. No trailing newline."""
    out = [f"{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"]
    if diagnostic.line:
        gutter = " " * len(str(diagnostic.line))
        out.append(f"{gutter}--> {diagnostic.file}:{diagnostic.line}:{diagnostic.column}")
        if diagnostic.source_line:
            text, start, length = excerpt(diagnostic)
            out += [f"{gutter} |", f"{diagnostic.line} | {text}".rstrip(), f"{gutter} | {' ' * start}{'^' * length}"]
    else:
        gutter = " "
        where = " at ".join(part for part in (diagnostic.file, diagnostic.path) if part)
        if where:
            out.append(f"{gutter}--> {where}")
    if diagnostic.help:
        out.append(f"{gutter} = help: {diagnostic.help}")
    return "\n".join(out)


def render_all(diagnostics: list[Diagnostic]) -> str:
    """All of them, a blank line between each two."""
    return "\n\n".join(render(diagnostic) for diagnostic in diagnostics)


def excerpt(diagnostic: Diagnostic) -> tuple[str, int, int]:
    """The source line to show (tabs and width made even), and where the carets begin and how many there are.

    A long line is cut around the place; widths count terminal cells, so wide characters take two.
    """
    line = diagnostic.source_line.replace("\t", " ")
    column = min(diagnostic.column, len(line) + 1) - 1
    end = min(max(diagnostic.end_column - 1, column + 1), max(len(line), column + 1))
    first = 0
    if len(line) > _WIDEST and column > _WIDEST - 40:
        first = column - 40
    shown = line[first : first + _WIDEST]
    prefix = "..." if first else ""
    suffix = "..." if first + _WIDEST < len(line) else ""
    before = _cells(prefix + shown[: column - first])
    marked = _cells(shown[column - first : end - first])
    return prefix + shown + suffix, before, max(1, marked)


def _cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
