"""Around an app: bodies that are too large, callers that hang up, and the paths by which a replica is run."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from msforge.runtime.admin import Admin
from msforge.runtime.asgi import CONNECTION, App, Connection, Message, Receive, Scope, Send, TooLarge, refuse

CANCEL_HEADER: Final = b"x-msforge-cancel"
LINGER_BYTES: Final = 16 * 2**20
LINGER_SECONDS: Final = 5.0
TOO_LARGE: Final = b'{"outcome":"rejected","detail":"the body is too large"}'
WRONG_LENGTH: Final = b'{"outcome":"rejected","detail":"content-length is not a number"}'


class Limits:
    """Middleware of a service's app: `app.add_middleware(Limits, replica=replica)`.

    Refuses bodies beyond the service's `max_body` with 413, watches the connection of requests that say what hanging
    up means, and answers `/livez`, `/readyz`, `/metrics` and `/_msforge/…` itself.
    """

    def __init__(self, app: App, replica: Any) -> None:
        self.app = app
        self.most = replica.service.max_body
        self.admin = Admin(replica)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if self.admin.serves(scope["path"]):
            return await self.admin(scope, Body(receive, self.most).receive, send)
        length = -1
        watched = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                if not value.isdigit() or len(value) > 18:
                    return await refuse(send, 400, WRONG_LENGTH)
                length = int(value)
            elif name == CANCEL_HEADER:
                watched = True
        if length > self.most:
            await linger(receive, length)
            return await refuse(send, 413, TOO_LARGE)
        if length >= 0 and not watched:
            return await self.app(scope, receive, send)
        return await self._guarded(scope, receive, send, watched)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, watched: bool) -> None:
        begun = False
        body = Body(receive, self.most, Connection() if watched else None)

        async def sending(message: Message) -> None:
            nonlocal begun
            if begun or not body.exceeded:  # a framework may take TooLarge for a bad body, and answer 400
                begun = True
                await send(message)

        CONNECTION.set(body.connection)
        try:
            await self.app(scope, body.receive, sending)
        except TooLarge:
            if begun:
                raise
        finally:
            body.close()
        if body.exceeded and not begun:
            await linger(receive)
            await refuse(send, 413, TOO_LARGE)


async def linger(receive: Receive, length: int = 0) -> None:
    """Read and forget the rest of a body, so that a client that is still sending it gets to read the refusal.

    A connection closed on a sender is reset, and many clients then tell of a broken pipe instead of the
    answer. Gives up after LINGER_BYTES or LINGER_SECONDS, and does not begin with a body that says it is longer.
    """
    if length > LINGER_BYTES:
        return
    left = LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


class Body:
    """Counts what comes in; once all is there, listens for the end of the connection when that is wanted."""

    def __init__(self, receive: Receive, most: int, connection: Connection | None = None) -> None:
        self._receive = receive
        self._left = most
        self.exceeded = False
        self.connection = connection
        self._listener: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next message. Raises TooLarge."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.exceeded = True
                raise TooLarge
            if self.connection is not None and not message.get("more_body", False) and self._listener is None:
                self._listener = asyncio.get_running_loop().create_task(self._listen(self.connection))
        elif self.connection is not None:
            self.connection.hung_up()
        return message

    async def _listen(self, connection: Connection) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            connection.hung_up()

    def close(self) -> None:
        """The request is over."""
        if self._listener is not None:
            self._listener.cancel()
