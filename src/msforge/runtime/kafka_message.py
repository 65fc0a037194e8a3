"""A message as Kafka carries it, and the note about its deliveries that goes along with a commit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from msforge.runtime.message_headers import (
    DRAW,
    ID,
    OWN,
    SENT,
    body_bytes,
    body_of,
    draw_of,
    draw_text,
)

LONGEST: Final = 3000
"""Characters of a note; Kafka takes 4096 bytes."""


def packed(message: dict[str, Any]) -> dict[str, Any]:
    """What a producer sends (value, key, headers), from plain data (id, body, key, draw, headers)."""
    headers = {str(name): str(value) for name, value in (message.get("headers") or {}).items()}
    headers |= {ID: str(message.get("id", "")), DRAW: draw_text(message.get("draw")), SENT: str(time.time_ns())}
    key = message.get("key")
    return {
        "value": body_bytes(message.get("body")), "key": None if key is None else str(int(key)).encode(),
        "headers": [(name, value.encode()) for name, value in headers.items()],
    }


def unpacked(record: Any) -> dict[str, Any]:
    """To plain data. `waited`: the real ns since the broker has it."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    return {
        "id": headers.get(ID) or f"{record.topic}-{record.partition}-{record.offset}", "body": body_of(record.value),
        "key": int(record.key) if record.key is not None and _is_key(record.key) else None,
        "draw": draw_of(headers.get(DRAW)), "headers": {n: v for n, v in headers.items() if n not in OWN},
        "waited": max(0, time.time_ns() - sent(record)),
    }


def _is_key(key: bytes) -> bool:
    """Whether it is one of ours. A stranger's may be anything, a number longer than Python reads among it."""
    return key.isdigit() and len(key) <= 19


def sent(record: Any) -> int:
    """When the broker had a record, in ns since 1970: as its publisher says, or to the ms."""
    told = dict(record.headers).get(SENT)
    return int(told) if told is not None and told.isdigit() else int(record.timestamp) * 1_000_000


@dataclass(slots=True)
class Head:
    """The message that a partition stands at: the deliveries that it has had, the last pause (ns), the effects."""

    offset: int = -1
    begun: int = 0
    paused: int = 0
    effects: set[int] = field(default_factory=set)

    def note(self) -> str:
        """As text to commit; effects that have no room in it are left out."""
        if not self.begun:
            return ""
        text = " ".join(("msforge", str(self.begun), str(self.paused), *map(str, sorted(self.effects))))
        return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0]


def head_of(offset: int, note: str | None) -> Head:
    """A partition's head as it was committed. A broker or a stranger may have left no note, or one of its own."""
    word, *numbers = (note or "").split()[:LONGEST] or [""]
    if word != "msforge" or len(numbers) < 2 or not all(map(str.isdecimal, numbers)):
        return Head(offset)
    begun, paused, *effects = map(int, numbers)
    return Head(offset, begun, paused, set(effects))
