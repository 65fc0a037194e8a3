"""An event loop that keeps time better: the usual one on Linux wakes up to a millisecond late."""

from __future__ import annotations

import asyncio
import select
import selectors
from typing import Any, Final

SMALLEST: Final = 1024
"""`select` takes descriptors below this."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The platform's loop; where it waits with epoll, one that waits in microseconds."""
    epoll = getattr(selectors, "EpollSelector", None)
    if epoll is None or selectors.DefaultSelector is not epoll:
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(_fine(epoll)())


def _fine(epoll: Any) -> Any:
    class FineSelector(epoll):  # type: ignore[misc]
        """Waits on the epoll descriptor itself: epoll rounds its own timeout to whole milliseconds."""

        def select(self, timeout: float | None = None) -> list[Any]:
            """As any selector's."""
            if timeout is not None and 0 < timeout < 1.0 and self.fileno() < SMALLEST:
                select.select((self.fileno(),), (), (), timeout)
                timeout = 0
            found: list[Any] = super().select(timeout)
            return found

    return FineSelector
