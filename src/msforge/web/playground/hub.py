"""Everyone who watches: each gets every event, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

MOST: Final = 64
"""Pages that may watch at once."""
BEHIND: Final = 60
"""Events that may wait for a page; one that is further behind is cut off, and comes back for the whole picture."""
BEAT: Final = 10.0
"""Seconds between two signs of life."""


def event(kind: str, data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class Hub:
    """The watchers, in the server's event loop. `tell` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.watchers: set[asyncio.Queue[bytes | None]] = set()

    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self.watchers)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Send an event to everyone."""
        self._soon(self._send, event(kind, data))

    def greet(self, watcher: asyncio.Queue[bytes | None], hello: dict[str, Any]) -> None:
        """Give one watcher the whole picture. Called where `tell` is."""
        self._soon(watcher.put_nowait, event("hello", hello))

    def close(self) -> None:
        """Send everyone away."""
        self._soon(self._close)

    async def events(self, come: Callable[[asyncio.Queue[bytes | None]], Any]) -> AsyncIterator[bytes]:
        """What one watcher receives, until it goes or is sent away; `come` sees to its greeting.

        What it receives before that is of no use to it.
        """
        watcher: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.watchers.add(watcher)
        come(watcher)
        try:
            yield b"retry: 1000\n\n"
            while True:
                try:
                    item = await asyncio.wait_for(watcher.get(), BEAT)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if item is None:
                    return
                yield item
        finally:
            self.watchers.discard(watcher)

    def _soon(self, act: Any, *args: Any) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(act, *args)

    def _send(self, item: bytes) -> None:
        for watcher in list(self.watchers):
            if watcher.qsize() >= BEHIND:
                self._dismiss(watcher)
            else:
                watcher.put_nowait(item)

    def _close(self) -> None:
        for watcher in list(self.watchers):
            self._dismiss(watcher)

    def _dismiss(self, watcher: asyncio.Queue[bytes | None]) -> None:
        self.watchers.discard(watcher)
        while not watcher.empty():
            watcher.get_nowait()
        watcher.put_nowait(None)
