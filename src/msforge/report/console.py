"""Two streams: results on stdout, everything else on stderr. The only place that makes rich consoles."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import NoReturn, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from msforge.report.text import clean, clean_lines

NARROW = 80
WIDE = 132


class _Careful(Console):
    """A console that lets a broken pipe through, and nothing that a terminal would obey but what it drew itself."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments as rich makes them, harmless whatever text is inside."""
        for segment in super().render(renderable, options):
            harmless = segment.control or segment.text.isprintable() or segment.text == "\n"
            yield segment if harmless else Segment(clean_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def console(stream: TextIO, *, width: int | None = None) -> Console:
    """A console on `stream`: no markup, no emoji codes, no guessing at what to highlight.

    Not a terminal: 80 columns, no colour. A terminal: its width, at most 132 columns, since longer lines
    are not read. NO_COLOR, FORCE_COLOR and COLUMNS are honoured by rich.
    """
    made = _Careful(file=stream, markup=False, emoji=False, highlight=False, width=width, soft_wrap=False)
    if width is None:
        made.width = min(max(made.width, 40), WIDE) if made.is_terminal else NARROW
    return made


class Terminal:
    """What a command prints to. `quiet` silences narration, never results or errors."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        self.out = console(out or sys.stdout)
        self.err = console(err or sys.stderr)
        self.quiet = quiet

    def show(self, *parts: RenderableType) -> None:
        """Prints results to stdout; when it is no terminal, without blanks at the ends of lines."""
        if self.out.is_terminal:
            for part in parts:
                self.out.print(part)
            return
        with self.out.capture() as captured:
            for part in parts:
                self.out.print(part)
        self.out.file.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))

    def raw(self, text: str) -> None:
        """Writes `text` to stdout as it is, in UTF-8 with plain newlines wherever the stream allows it.

        For data (JSON, YAML): not wrapped, not coloured, the same bytes on every platform.
        """
        stream = self.out.file
        buffer = getattr(stream, "buffer", None)
        if buffer is None or stream.isatty():
            stream.write(text)
        else:
            stream.flush()
            buffer.write(text.encode("utf-8", "backslashreplace"))
        stream.flush()

    def say(self, message: str, *, style: str = "") -> None:
        """Narrates to stderr; silent when quiet."""
        if not self.quiet:
            self._tell(Text(clean_lines(message), style=style))

    def warn(self, message: str) -> None:
        """A warning on stderr."""
        self._tell(Text.assemble(("warning", "bold yellow"), ": ", clean_lines(message)))

    def fail(self, message: str, hint: str = "") -> None:
        """An error on stderr: what went wrong, and what to do next."""
        self._tell(Text.assemble(("error", "bold red"), ": ", clean_lines(message)))
        if hint:
            self._tell(Text.assemble(("help", "bold cyan"), ": ", clean_lines(hint)))

    def _tell(self, text: Text) -> None:
        """On stderr: wrapped between words on a terminal, a word longer than a line left whole; else as it is."""
        self.err.print(_wrapped(text, self.err.width) if self.err.is_terminal else text, soft_wrap=True)


def _wrapped(text: Text, width: int) -> Text:
    """A text in lines of at most `width` cells, as far as words allow."""
    lines = []
    for line in text.split("\n", allow_blank=True):
        begin, breaks = 0, []
        for word in re.finditer(r"\S+", line.plain):
            if cell_len(line.plain[begin : word.end()]) > width and line.plain[begin : word.start()].strip():
                begin = word.start()
                breaks.append(begin)
        for piece in line.divide(breaks):
            piece.rstrip()
            lines.append(piece)
    return Text("\n").join(lines)


def listing(items: Iterable[str], limit: int = 8) -> str:
    """Names in a sentence: "a, b, c and 4 more"."""
    names = [clean(item, limit=60) for item in items]
    if len(names) > limit:
        return ", ".join(names[:limit]) + f" and {len(names) - limit} more"
    return ", ".join(names)
