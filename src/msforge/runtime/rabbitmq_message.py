"""A message as RabbitMQ carries it: the body is what was published, all else stands in its properties and headers."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage

DRAW: Final = "msforge-draw"
KEY: Final = "msforge-key"
BEGUN: Final = "msforge-deliveries"
PAUSED: Final = "msforge-pause"
EFFECTS: Final = "msforge-effects"
SENT: Final = "msforge-sent"
OWN: Final = frozenset((DRAW, KEY, BEGUN, PAUSED, EFFECTS, SENT))


def packed(message: dict[str, Any], rest: int = 0) -> Message:
    """From plain data (id, body, key, draw, headers; deliveries begun, last pause, effects had).

    `rest`: real ns from now until it is to be had.
    """
    headers: dict[str, Any] = {**(message.get("headers") or {})}
    headers[DRAW] = "-".join(map(str, message.get("draw") or (0, 0, 0)))
    headers[SENT] = time.time_ns() + rest
    if message.get("key") is not None:
        headers[KEY] = int(message["key"])
    if message.get("begun"):
        headers[BEGUN] = int(message["begun"])
        headers[PAUSED] = int(message.get("paused", 0))
        headers[EFFECTS] = " ".join(map(str, sorted(message.get("effects", ()))))
    return Message(
        json.dumps(message.get("body")).encode(), content_type="application/json", headers=headers,
        message_id=str(message.get("id", "")), delivery_mode=DeliveryMode.PERSISTENT)


def unpacked(incoming: AbstractIncomingMessage) -> dict[str, Any]:
    """To plain data. `begun` counts the deliveries before this one, `waited` the real ns since it could be had.

    A body that is no JSON comes as text.
    """
    headers = {name: value for name, value in incoming.headers.items() if value is not None}
    try:
        body: Any = json.loads(incoming.body)
    except ValueError:
        body = incoming.body.decode("utf-8", "replace")
    return {
        "id": incoming.message_id or "", "body": body, "key": _whole(headers.get(KEY)),
        "draw": _draw(headers.get(DRAW)),
        "headers": {n: str(v) for n, v in headers.items() if n not in OWN and not n.startswith("x-")},
        "begun": (_whole(headers.get(BEGUN)) or 0) + (_whole(headers.get("x-delivery-count")) or 0),
        "crashes": _whole(headers.get("x-delivery-count")) or 0,
        "waited": max(0, time.time_ns() - (_whole(headers.get(SENT)) or time.time_ns())),
        "paused": _whole(headers.get(PAUSED)) or 0,
        "effects": {int(word) for word in str(headers.get(EFFECTS, "")).split() if word.isdecimal()},
    }


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _draw(text: Any) -> list[int]:
    """Of a stranger's message: no draw of its own."""
    words = text.split("-") if isinstance(text, str) else []
    return [int(word) for word in words] if len(words) == 3 and all(map(str.isdecimal, words)) else [0, 0, 0]
