"""What the pieces around an app share: the server's protocol, whole answers, and a caller that hangs up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Connection:
    """Tells when a request's caller hangs up."""

    __slots__ = ("_act", "_gone")

    def __init__(self) -> None:
        self._act: Callable[[], None] | None = None
        self._gone = False

    def watch(self, act: Callable[[], None]) -> None:
        """Call `act` once the caller is gone."""
        self._act = act
        if self._gone:
            act()

    def hung_up(self) -> None:
        """The caller is gone."""
        self._gone = True
        if self._act is not None:
            self._act()


CONNECTION: Final[ContextVar[Connection | None]] = ContextVar("connection", default=None)


class TooLarge(Exception):
    """More has come than a body may have."""


async def refuse(send: Send, status: int, body: bytes) -> None:
    """Answer without the app. The connection ends: what it still carries is nobody's."""
    await respond(send, status, body, extra=[(b"x-msforge-outcome", b"rejected"), (b"connection", b"close")])


async def respond(
    send: Send, status: int, body: bytes, media: bytes = b"application/json",
    extra: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """A whole answer."""
    headers = [(b"content-type", media), (b"content-length", str(len(body)).encode()), *(extra or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
