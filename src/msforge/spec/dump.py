"""Plain data as YAML text that is pleasant to read: short things on one line, the rest in blocks."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from msforge.spec.scalars import reads_as_string

WIDTH: Final = 100
_INDICATORS: Final = frozenset(",[]{}")


def dump(data: Any) -> str:
    """The YAML text of maps, lists and scalars; reads back to equal data."""
    lines: list[str] = []
    if isinstance(data, dict) and data:
        _map(data, 0, lines)
    else:
        lines.append(_flow(data))
    return "\n".join(lines) + "\n"


def scalar(value: Any, flow: bool = True) -> str:
    """A scalar as YAML writes it, quoted only where it must be."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if text and reads_as_string(text) and not (flow and _INDICATORS & set(text)):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\U{ord(char):08X}" if ord(char) > 0xFFFF else f"\\u{ord(char):04X}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return scalar(value)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def _fits(value: Any, room: int) -> str:
    """The one-line text of a collection when it is simple and short enough, else an empty string."""
    if value in ({}, []):
        return _flow(value)
    if _depth(value) > 2:
        return ""
    text = _flow(value)
    return text if len(text) <= room else ""


def _entry(value: Any, indent: int, head: str, lines: list[str]) -> None:
    if not isinstance(value, (dict, list)):
        lines.append(f"{head} {scalar(value, flow=False)}")
        return
    text = _fits(value, WIDTH - len(head) - 1)
    if text:
        lines.append(f"{head} {text}")
        return
    lines.append(head)
    if isinstance(value, dict):
        _map(value, indent + 2, lines)
    else:
        _list(value, indent + 2, lines)


def _map(data: dict[Any, Any], indent: int, lines: list[str]) -> None:
    for key, value in data.items():
        if indent == 0 and lines and isinstance(value, (dict, list)):
            lines.append("")
        _entry(value, indent, f"{' ' * indent}{scalar(str(key), flow=False)}:", lines)


def _list(items: list[Any], indent: int, lines: list[str]) -> None:
    for item in items:
        text = _fits(item, WIDTH - indent - 2) if isinstance(item, (dict, list)) else scalar(item, flow=False)
        if text:
            lines.append(f"{' ' * indent}- {text}")
            continue
        inner: list[str] = []
        if isinstance(item, dict):
            _map(item, indent + 2, inner)
        else:
            _list(item, indent + 2, inner)
        inner = [line for line in inner if line]
        lines.append(f"{' ' * indent}- {inner[0].lstrip()}")
        lines.extend(inner[1:])
