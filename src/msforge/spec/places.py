"""Dotted paths, and where in a text what they name stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from msforge.spec.source import Map, Mark, Place, Seq, Source, spot

Path = tuple[int | str, ...]
_PART: Final = re.compile(r'\.?(?:"([^"]*)"|([^.\[\]"\s][^.\[\]"]*))|\[([0-9]{1,9})\]')


def join(path: Iterable[int | str]) -> str:
    """`services.order.endpoints.place.steps[1].timeout`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = f'"{part}"' if "." in part or "[" in part else part
            text += f".{word}" if text else word
    return text


def split(text: str) -> Path | None:
    """The parts of a dotted path; None when it is not one. Names that contain a dot stand in quotes."""
    parts: list[int | str] = []
    index = 0
    text = text.strip()
    while index < len(text):
        match = _PART.match(text, index)
        if match is None or (not parts and (text[0] in ".[")):
            return None
        if match[3] is not None:
            parts.append(int(match[3]))
        else:
            if parts and text[index] != ".":
                return None
            parts.append(match[1] if match[1] is not None else match[2].strip())
        index = match.end()
    return tuple(parts) or None


def place_of(document: Any, path: Path, root: Mark | None, key: bool = False) -> Place | None:
    """Where the value (or with `key` its key) at a path stands; the nearest place above it when it has none."""
    mark = mark_of(document, path, root)
    if mark is None:
        return None
    source, key_event, value_event = mark
    if key_event is not None and (key or value_event is None or _is_block(value_event)):
        return spot(source, key_event)
    event = value_event if value_event is not None else key_event
    if event is None:
        return _beginning(source)
    if getattr(event, "value", None) == "" and key_event is not None and not getattr(event, "style", None):
        return spot(source, key_event)
    return spot(source, event)


def _beginning(source: Source) -> Place:
    """The first line that says something: where the whole document is meant."""
    for number, line in enumerate(source.lines, start=1):
        text = line.lstrip()
        if text and not text.startswith(("#", "---", "%")):
            return Place(source, number, len(line) - len(text) + 1, len(line.rstrip()) + 1)
    return Place(source, 1, 1, 2)


def _is_block(event: Any) -> bool:
    return getattr(event, "flow_style", None) is False


def mark_of(document: Any, path: Path, root: Mark | None) -> Mark | None:
    """The mark of the deepest part of a path that has one."""
    mark, value = root, document
    for part in path:
        found: Mark | None = None
        if isinstance(value, Map) and isinstance(part, str):
            found, value = value.marks.get(part), value.get(part)
        elif isinstance(value, Seq) and isinstance(part, int) and part < len(value):
            found, value = value.marks[part], value[part]
        elif isinstance(value, (dict, list)):
            value = None
        else:
            break
        mark = found or mark
    return mark
