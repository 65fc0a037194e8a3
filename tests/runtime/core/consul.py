"""A stand-in for Consul's agent: it answers as the HTTP API's documentation says, for what a replica asks.

Register and deregister of /v1/agent/service, and /v1/health/service with `passing` and blocking queries: the answer
has X-Consul-Index, and a question with `index` and `wait` is answered once the index is higher, or `wait` is over.
It makes no checks of its own: a test says which instances pass.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web


class Consul:
    """One agent on loopback. `services` are the registrations by id, `critical` the ids whose check fails."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.critical: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self.index = 10
        self.failing = False
        self.hurry = False
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; the agent's address."""
        app = web.Application()
        app.router.add_put("/v1/agent/service/register", self._register)
        app.router.add_put("/v1/agent/service/deregister/{id}", self._deregister)
        app.router.add_get("/v1/health/service/{name}", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def put(self, id: str, name: str, address: str, port: int) -> None:
        """An instance registers."""
        self.services[id] = {"ID": id, "Service": name, "Address": address, "Port": port}
        await self.change()

    async def change(self) -> None:
        """Something is not as it was: whoever waits is answered."""
        async with self._changed:
            self.index += 1
            self._changed.notify_all()

    async def stop_waiting(self) -> None:
        """Whoever waits is answered with what there is."""
        async with self._changed:
            self.hurry = True
            self._changed.notify_all()

    async def _register(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not body.get("Name"):
            return web.Response(status=400, text="Missing service name")
        found = {"ID": body.get("ID") or body["Name"], "Service": body["Name"], "Address": body.get("Address", ""),
                 "Port": body.get("Port", 0), "Check": body.get("Check")}
        self.services[found["ID"]] = found
        await self.change()
        return web.Response()

    async def _deregister(self, request: web.Request) -> web.Response:
        if self.services.pop(request.match_info["id"], None) is None:
            return web.Response(status=404, text=f'Unknown service ID "{request.match_info["id"]}"')
        await self.change()
        return web.Response()

    async def _health(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if self.failing:
            return web.Response(status=500, text="No cluster leader")
        index = int(request.query.get("index", 0))
        if index:
            seconds = float(re.sub(r"s$", "", request.query.get("wait", "300s")))
            try:
                async with asyncio.timeout(seconds), self._changed:
                    await self._changed.wait_for(lambda: self.index > index or self.hurry)
                    self.hurry = False
            except TimeoutError:
                pass
        entries = [
            {
                "Node": {"Node": "node-1", "Address": "127.0.0.9"},
                "Service": found,
                "Checks": [{"Status": "critical" if id in self.critical else "passing"}],
            }
            for id, found in self.services.items()
            if found["Service"] == request.match_info["name"]
            and not ("passing" in request.query and id in self.critical)
        ]
        return web.json_response(entries, headers={"X-Consul-Index": str(self.index)})
