"""Bytes to spans: finds out which format they are in, and reads them whole or line by line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from msforge.errors import TraceFormatError, UsageError
from msforge.traces import jaeger, otlp, zipkin
from msforge.traces.decode import Reader
from msforge.traces.span import Span

LARGEST: Final = 512 * 1024 * 1024
"""Bytes of a file; above it nothing is read."""

_READERS: Final[dict[str, tuple[Callable[[Any], bool], Callable[[Any, Reader], Iterator[Span]]]]] = {
    "otlp": (otlp.is_otlp, otlp.spans_of),
    "jaeger": (jaeger.is_jaeger, jaeger.spans_of),
    "zipkin": (zipkin.is_zipkin, zipkin.spans_of),
}
FORMS: Final = tuple(_READERS)
"""The formats that can be read."""
_HINT: Final = (
    "it takes OTLP/JSON (also one a line, as the collector writes it), Jaeger's JSON and Zipkin's (version 2)"
)


@dataclass(slots=True)
class Read:
    """What was read: the spans, in which format they were, and what had to be left out or mended."""

    spans: list[Span]
    form: str
    warnings: list[str]


def read(data: bytes, form: str = "") -> Read:
    """The spans in `data`; `form` is one of FORMS, found out when it is empty.

    Raises TraceFormatError for anything that is not traces, UsageError for an unknown `form`.
    """
    if form and form not in _READERS:
        raise UsageError(f"unknown format {form!r}", hint=f"there are {', '.join(FORMS)}")
    if len(data) > LARGEST:
        raise TraceFormatError(f"it is larger than {LARGEST >> 20} MiB", hint="give a part: a few thousand traces")
    documents = _documents(data)
    form = form or _guess(documents)
    fits, spans_of = _READERS[form]
    reader = Reader()
    spans: list[Span] = []
    for document in documents:
        if fits(document):
            spans += spans_of(document, reader)
        else:
            reader.drop(f"something that is not {form}")
    if not spans:
        raise TraceFormatError(f"there is no span in it that {form} allows", hint=_HINT)
    return Read(_unique(spans, reader), form, reader.warnings())


def _documents(data: bytes) -> list[Any]:
    """The JSON values of a file: one, or one a line."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TraceFormatError("it is not text (UTF-8)", hint=_HINT) from None
    try:
        return [_parse(content)]
    except ValueError as whole:
        problem = whole
    except RecursionError:
        raise TraceFormatError("it is nested too deeply", hint=_HINT) from None
    lines = [line for line in content.split("\n") if line.strip()]  # a string may hold Unicode's other line ends
    found: list[Any] = []
    for number, line in enumerate(lines):
        try:
            found.append(_parse(line))
        except (ValueError, RecursionError):
            if number + 1 < len(lines) or not found:  # a last line may have been cut off while it was written
                raise TraceFormatError(f"it is not JSON: {problem}", hint=_HINT) from None
    if not found:
        raise TraceFormatError("it is empty", hint=_HINT)
    return found


def _parse(content: str) -> Any:
    return json.loads(content, parse_constant=_no_number)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _guess(documents: list[Any]) -> str:
    for form, (fits, _) in _READERS.items():
        if any(map(fits, documents)):
            return form
    raise TraceFormatError("it is JSON, but no traces", hint=_HINT)


def _unique(spans: list[Span], reader: Reader) -> list[Span]:
    """The first span of each id."""
    seen: dict[tuple[str, str], Span] = {}
    for span in spans:
        if seen.setdefault((span.trace, span.span), span) is not span:
            reader.drop("a span whose id was there before")
    return list(seen.values())
