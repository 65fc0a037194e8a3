"""Diagnostics as rustc and ruff show them, in colour on a terminal; the words are the same without it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from msforge.errors import Diagnostic, Severity
from msforge.report.text import clean, clean_lines, plural

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
_BLUE = "bold blue"


def show_diagnostics(console: Console, diagnostics: Sequence[Diagnostic]) -> None:
    """Prints every diagnostic, then how many there were of each kind."""
    for diagnostic in diagnostics:
        console.print(_diagnostic(diagnostic), soft_wrap=True)
        console.print()
    if diagnostics:
        console.print(Text(tally(diagnostics), style="bold"))


def tally(diagnostics: Sequence[Diagnostic]) -> str:
    """How many of each kind: "2 errors, 1 warning"."""
    errors = sum(d.severity is Severity.ERROR for d in diagnostics)
    warnings = len(diagnostics) - errors
    parts = [plural(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return ", ".join(parts) or "no errors, no warnings"


def _diagnostic(d: Diagnostic) -> Text:
    style = _STYLES[d.severity]
    text = Text.assemble(
        (d.severity.value, style), (f"[{clean(d.code)}]", style), (f": {clean_lines(d.message)}", "bold")
    )
    gutter = " " * len(str(d.line))
    place = _place(d)
    if place:
        text.append(f"\n{gutter}--> ", _BLUE).append(place)
    if d.line and d.source_line:
        line, pad, carets = _marked(d)
        text.append(f"\n{gutter} |", _BLUE)
        text.append(f"\n{d.line} | ", _BLUE).append(line)
        text.append(f"\n{gutter} | ", _BLUE).append(" " * pad + "^" * carets, style)
    for number, part in enumerate(d.help.splitlines()):
        text.append(f"\n{gutter} = ", _BLUE).append("help: " if number == 0 else "      ", "bold").append(clean(part))
    return text


def _place(d: Diagnostic) -> str:
    file = clean(d.file)
    if not d.line:
        return f"{file}: {clean(d.path)}" if file and d.path else file or clean(d.path)
    return f"{file}:{d.line}:{d.column}"


def _marked(d: Diagnostic, window: int = 100) -> tuple[str, int, int]:
    """The source line (a piece of it when very long), the columns before the caret, and the caret's length."""
    source = d.source_line.rstrip("\r\n")
    start = max(d.column - 1, 0)
    end = max(d.end_column - 1, start + 1) if d.end_column else start + 1
    end = min(end, max(len(source), start + 1))
    cut = max(start - window // 2, 0) if len(source) > window else 0
    piece = source[cut : cut + window]
    before, marked = piece[: start - cut], piece[start - cut : end - cut]
    lead = "…" if cut else ""
    tail = "…" if cut + window < len(source) else ""
    pad = len(lead) + _width(_flat(before))
    return lead + _flat(piece) + tail, pad, max(_width(_flat(marked)), 1)


def _flat(text: str) -> str:
    return clean(text.replace("\t", "    "))


def _width(text: str) -> int:
    return Text(text).cell_len
