"""How a message stands on a broker: its body is JSON, what msforge knows of it is in headers of these names."""

from __future__ import annotations

import json
from typing import Any, Final

ID: Final = "msforge-id"
DRAW: Final = "msforge-draw"
KEY: Final = "msforge-key"
BEGUN: Final = "msforge-deliveries"
PAUSED: Final = "msforge-pause"
EFFECTS: Final = "msforge-effects"
SENT: Final = "msforge-sent"
OWN: Final = frozenset((ID, DRAW, KEY, BEGUN, PAUSED, EFFECTS, SENT))


def body_bytes(body: Any) -> bytes:
    """A body as a broker carries it."""
    return json.dumps(body).encode()


def body_of(content: bytes | None) -> Any:
    """The body again. One that is no JSON comes as text."""
    if content is None:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")


def draw_text(draw: Any) -> str:
    """A message's place among the draws (key, number, context)."""
    return "-".join(map(str, draw or (0, 0, 0)))


def draw_of(text: Any) -> list[int]:
    """The place again. Of a stranger's message: none of its own."""
    words = text.split("-") if isinstance(text, str) else []
    return [int(word) for word in words] if len(words) == 3 and all(map(str.isdecimal, words)) else [0, 0, 0]
