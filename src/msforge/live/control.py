"""The control API of a running system: on loopback, opened by the token in its state file."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from msforge.errors import MsforgeError
from msforge.live.board import Board
from msforge.live.fleet import Fleet, Place
from msforge.live.servers.hosted import Servers

LARGEST: Final = 1_048_576

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Answers `ps`, `down` and `fault` while a system runs. `leave` is set once it is asked to go down."""

    def __init__(
        self, fleet: Fleet, board: Board, token: str, way: str, fronts: dict[str, str], servers: Servers
    ) -> None:
        self.fleet = fleet
        self.board = board
        self.token = token
        self.way = way
        self.fronts = fronts
        self.servers = servers
        self.leave = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Serve on a bound socket."""
        app = web.Application(middlewares=[self._guarded], client_max_size=LARGEST)
        app.router.add_get("/ps", self._ps)
        app.router.add_get("/view", self._view)
        app.router.add_get("/faults", self._faults)
        app.router.add_post("/faults", self._set)
        app.router.add_delete("/faults", self._clear_all)
        app.router.add_delete("/faults/{id}", self._clear)
        app.router.add_post("/down", self._down)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """Stop answering."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return _error(403, "the token is wrong", "it stands in .msforge/run/state.json")
        try:
            return await handler(request)
        except MsforgeError as error:
            return _error(400, error.message, error.hint)
        except (KeyError, ValueError, TypeError) as error:
            return _error(400, f"malformed: {type(error).__name__}: {error}", "")

    async def _ps(self, request: web.Request) -> web.Response:
        places = self.fleet.all()
        looks = dict(zip(
            (place.number for place in places), await asyncio.gather(*map(self.fleet.look, places)), strict=True
        ))
        return web.json_response(self._shown(looks, await self.fleet.backend.stats()))

    async def _view(self, request: web.Request) -> web.Response:
        """As `ps`, with what is known here: no replica is asked, so that looking often disturbs nobody."""
        return web.json_response(self._shown({}, await self.fleet.backend.embedded_stats()))

    def _shown(self, looks: dict[int, dict[str, Any]], channels: dict[str, dict[str, int]]) -> dict[str, Any]:
        services = [
            {
                "name": service.name, "url": self.fronts[service.name],
                "replicas": [_replica(p, looks.get(p.number, {})) for p in self.fleet.places[service.name]],
                "balance": service.balance, "client_balancer": service.client_balancer,
            }
            for service in self.fleet.system.services
        ]
        return {
            "system": self.fleet.system.name, "digest": self.fleet.system.digest, "way": self.way,
            "scale": self.fleet.scale, "began": self.fleet.backend.began, "pid": os.getpid(), "services": services,
            "channels": channels,
            "servers": self.servers.plain(),
            "faults": [active.plain() for active in self.board.active.values()],
        }

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response([active.plain() for active in self.board.active.values()])

    async def _set(self, request: web.Request) -> web.Response:
        fault = await request.json()
        return web.json_response({"id": await self.board.set(fault)})

    async def _clear(self, request: web.Request) -> web.Response:
        await self.board.clear(request.match_info["id"])
        return web.json_response({})

    async def _clear_all(self, request: web.Request) -> web.Response:
        return web.json_response({"cleared": await self.board.clear_all()})

    async def _down(self, request: web.Request) -> web.Response:
        self.leave.set()
        return web.json_response({"pid": os.getpid()})


def _replica(place: Place, look: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": place.name, "ordinal": place.ordinal, "url": place.unit.url, "state": place.state,
        "believed": place.believed, "pid": place.unit.pid, "crashes": place.downs, "number": place.number,
        "ready": place.ready,
        **{key: look[key] for key in ("busy", "waiting") if key in look},
    }


def _error(status: int, message: str, hint: str) -> web.Response:
    return web.json_response({"message": message, "hint": hint}, status=status)
