"""Around an app: bodies that are too large, callers that hang up, and the paths by which a replica is run."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msforge.runtime.admin import Admin
from msforge.runtime.asgi import CONNECTION, App, Connection, Message, Receive, Scope, Send, TooLarge, refuse

CANCEL_HEADER: Final = b"x-msforge-cancel"
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
            return await refuse(send, 413, TOO_LARGE)
        if length >= 0 and not watched:
            return await self.app(scope, receive, send)
        return await self._guarded(scope, receive, send, watched)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, watched: bool) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        body = Body(receive, self.most, Connection() if watched else None)
        CONNECTION.set(body.connection)
        try:
            await self.app(scope, body.receive, sending)
        except TooLarge:
            if begun:
                raise
            await refuse(send, 413, TOO_LARGE)
        finally:
            body.close()


class Body:
    """Counts what comes in; once all is there, listens for the end of the connection when that is wanted."""

    def __init__(self, receive: Receive, most: int, connection: Connection | None = None) -> None:
        self._receive = receive
        self._left = most
        self.connection = connection
        self._listener: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next message. Raises TooLarge."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
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
