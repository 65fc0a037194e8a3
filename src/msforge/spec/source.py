"""Texts and places in them: what a diagnostic points at."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from msforge.errors import Diagnostic, InvalidFileError, Severity

LARGEST: Final = 10_000_000
"""Bytes; a larger description is refused."""
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MOST_SHOWN: Final = 20_000


@dataclass(eq=False)
class Source:
    """A text that was read: the file, a `--set` argument, or a timed change."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines as YAML counts them."""
        return _BREAK.split(self.text)

    def line(self, number: int) -> str:
        """Line `number` (from 1), shortened when it is very long."""
        text = self.lines[number - 1] if 0 < number <= len(self.lines) else ""
        return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and columns from 1, `end` just behind it."""

    source: Source
    line: int
    column: int
    end: int


# What a Map or Seq remembers of each entry: its source, the key's parser event and the value's.
Mark = tuple[Source, Any, Any]


class Map(dict[str, Any]):
    """A mapping of the document that remembers where its entries stand."""

    __slots__ = ("marks",)
    marks: dict[str, Mark]

    def __init__(self, content: dict[str, Any] | None = None, marks: dict[str, Mark] | None = None) -> None:
        super().__init__(content or {})
        self.marks = marks if marks is not None else {}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def copy(self) -> Map:
        """A copy with its own marks."""
        return Map(self, dict(self.marks))


class Seq(list[Any]):
    """A list of the document that remembers where its items stand."""

    __slots__ = ("marks",)
    marks: list[Mark | None]

    def __init__(self, content: Sequence[Any] = (), marks: list[Mark | None] | None = None) -> None:
        super().__init__(content)
        self.marks = marks if marks is not None else [None] * len(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def spot(source: Source, event: Any) -> Place:
    """The place of a parser event; what spans lines ends with its first."""
    start, end = event.start_mark, event.end_mark
    line, column = start.line + 1, start.column + 1
    if end.line == start.line and end.column > start.column:
        return Place(source, line, column, end.column + 1)
    return Place(source, line, column, max(column + 1, len(source.line(line).rstrip()) + 1))


def problem(
    place: Place | None,
    code: str,
    message: str,
    help: str = "",
    path: str = "",
    file: str = "",
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """A Diagnostic at a place; without one it names the file alone."""
    message, help, path = printable(message), printable(help), printable(path)
    if place is None:
        return Diagnostic(severity, code, message, file=file, help=help, path=path)
    return Diagnostic(
        severity,
        code,
        message,
        place.source.name,
        place.line,
        place.column,
        place.end,
        printable(place.source.line(place.line)),
        help,
        path,
    )


def printable(text: str) -> str:
    """The text without control characters, which could rewrite what a terminal shows; as long as before."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\ufffd" for char in text)


def sound(text: str) -> str:
    """The text without lone surrogates, which no encoding can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def fatal(name: str, code: str, message: str, help: str = "") -> InvalidFileError:
    """The error for a file that cannot be read at all."""
    return InvalidFileError([problem(None, code, message, help, file=name)])


def read_file(path: Path, name: str) -> Source:
    """The text of a description. Raises InvalidFileError for anything that is no UTF-8 text of sensible size."""
    try:
        if path.is_dir():
            raise fatal(name, "E001", f"`{name}` is a folder", "name the description's file")
        size = path.stat().st_size
        if size > LARGEST:
            raise fatal(
                name,
                "E003",
                f"the file has {size:,} bytes; the most is {LARGEST:,}",
                "a description is written by hand or by a generator, a system a file",
            )
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise fatal(
            name, "E001", f"there is no file `{name}`", "`msforge example` lists the examples that come along"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise fatal(name, "E001", f"`{name}` cannot be read: {reason}", "check the name and its permissions") from None
    if len(data) > LARGEST:
        raise fatal(name, "E003", f"the file has more than {LARGEST:,} bytes", "")
    return Source(name, decode(data, name))


def decode(data: bytes, name: str) -> str:
    """UTF-8, with or without a byte order mark, as text. Raises InvalidFileError."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise fatal(name, "E004", "the file is UTF-16, msforge reads UTF-8", "save it as UTF-8")
    if b"\0" in data[:8192]:
        raise fatal(name, "E005", "this is a binary file, not a description", "")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8", "replace")) + 1
        rest = data[start:].split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
        rest = printable(rest)
        raise InvalidFileError(
            [
                Diagnostic(
                    Severity.ERROR,
                    "E004",
                    f"the file is not UTF-8: byte 0x{data[error.start]:02x}",
                    name,
                    line,
                    column,
                    column + 1,
                    rest[:_MOST_SHOWN],
                    "save it as UTF-8",
                )
            ]
        ) from None


def check_text(source: Source) -> list[Diagnostic]:
    """Empty texts and characters that no YAML file may contain."""
    if not source.text.strip():
        return [
            problem(
                None,
                "E002",
                "the file is empty",
                "the smallest system has one service, one endpoint and one "
                "traffic source; `msforge example copy shop` gives a start",
                file=source.name,
            )
        ]
    match = _UNPRINTABLE.search(source.text)
    if match is None:
        return []
    before = _BREAK.split(source.text[: match.start()])
    line, column = len(before), len(before[-1]) + 1
    shown = printable(source.line(line))
    return [
        Diagnostic(
            Severity.ERROR,
            "E005",
            f"the file contains a character that is no text: U+{ord(match[0]):04X}",
            source.name,
            line,
            column,
            column + 1,
            shown,
            "remove it",
        )
    ]
