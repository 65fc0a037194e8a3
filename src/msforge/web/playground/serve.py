"""The playground from a command: a port, a server until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn

from msforge.errors import ConflictError, UsageError
from msforge.live.ports import HOST, bind, owner_of
from msforge.web.playground.game import Game
from msforge.web.playground.server import Playground

PATIENCE: Final = 2
"""Seconds that answers under way have when the server ends."""


class Server(uvicorn.Server):
    """Sends the watchers away first: their streams would never end."""

    playground: Playground

    @classmethod
    def of(cls, playground: Playground) -> Server:
        """The server of a playground."""
        made = cls(uvicorn.Config(
            playground.app, log_config=None, access_log=False, lifespan="on", ws="none", server_header=False,
            timeout_graceful_shutdown=PATIENCE,
        ))
        made.playground = playground
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self.playground.close()
        await super().shutdown(sockets)


def open_port(port: int) -> socket.socket:
    """A socket on a loopback port, 0 for any. Raises ConflictError when it is taken, UsageError when it is barred."""
    try:
        return bind(port)
    except PermissionError as error:
        raise UsageError(f"port {port} is not for everyone to open", hint="take one above 1024: --port 8801") from error
    except OSError as error:
        owner = owner_of(port)
        by = f" by {owner}" if owner else ""
        raise ConflictError(
            f"port {port} is taken{by}", hint="take another: --port 8801, or --port 0 for any that is free"
        ) from error


def serve(game: Game, page: Path, port: int, ready: Callable[[str], None]) -> None:
    """Play until Ctrl-C; `ready` is told the address once it can be opened. Raises as `open_port` does."""
    sock = open_port(port)
    try:
        found = sock.getsockname()[1]
        server = Server.of(Playground(game, page, found))
        sock.listen(128)
        ready(f"http://{HOST}:{found}")
        try:
            server.run(sockets=[sock])
        except KeyboardInterrupt:
            return
    finally:
        sock.close()
