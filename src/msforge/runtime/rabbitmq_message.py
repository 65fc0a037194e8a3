"""A message as RabbitMQ carries it: the body is what was published, all else stands in its properties and headers."""

from __future__ import annotations

import time
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage

from msforge.runtime.message_headers import (
    BEGUN,
    DRAW,
    EFFECTS,
    KEY,
    OWN,
    PAUSED,
    SENT,
    body_bytes,
    body_of,
    draw_of,
    draw_text,
)


def packed(message: dict[str, Any], rest: int = 0) -> Message:
    """From plain data (id, body, key, draw, headers; deliveries begun, last pause, effects had).

    `rest`: real ns from now until it is to be had.
    """
    headers: dict[str, Any] = {**(message.get("headers") or {})}
    headers[DRAW] = draw_text(message.get("draw"))
    headers[SENT] = time.time_ns() + rest
    if message.get("key") is not None:
        headers[KEY] = int(message["key"])
    if message.get("begun"):
        headers[BEGUN] = int(message["begun"])
        headers[PAUSED] = int(message.get("paused", 0))
        headers[EFFECTS] = " ".join(map(str, sorted(message.get("effects", ()))))
    return Message(
        body_bytes(message.get("body")), content_type="application/json", headers=headers,
        message_id=str(message.get("id", "")), delivery_mode=DeliveryMode.PERSISTENT)


def unpacked(incoming: AbstractIncomingMessage) -> dict[str, Any]:
    """To plain data. `begun` counts the deliveries before this one, `waited` the real ns since it could be had."""
    headers = {name: value for name, value in incoming.headers.items() if value is not None}
    return {
        "id": incoming.message_id or "", "body": body_of(incoming.body), "key": _whole(headers.get(KEY)),
        "draw": draw_of(headers.get(DRAW)),
        "headers": {n: str(v) for n, v in headers.items() if n not in OWN and not n.startswith("x-")},
        "begun": (_whole(headers.get(BEGUN)) or 0) + (_whole(headers.get("x-delivery-count")) or 0),
        "crashes": _whole(headers.get("x-delivery-count")) or 0,
        "waited": max(0, time.time_ns() - (_whole(headers.get(SENT)) or time.time_ns())),
        "paused": _whole(headers.get(PAUSED)) or 0,
        "effects": {int(word) for word in str(headers.get(EFFECTS, "")).split() if word.isdecimal()},
    }


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
