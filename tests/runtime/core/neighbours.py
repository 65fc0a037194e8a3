"""Services on real sockets: a small app around each replica, as generated ones are."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from msforge.policies.distributions import Dist
from msforge.runtime.balancer import Balancer
from msforge.runtime.directory import Directory
from msforge.runtime.flow import Flow
from msforge.runtime.limits import Limits
from msforge.runtime.plan import MS, Call, Service
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve

Handler = Callable[[Any, Flow], Awaitable[Any]]


class Order(BaseModel):
    """A request."""

    sku: str = "tea"
    quantity: int = 1


def ms(amount: float) -> Dist:
    """A constant duration."""
    return Dist("constant", (amount * MS,))


def call(**policies: Any) -> Call:
    """A call to b.go."""
    return Call("b", "go", "POST", "/go", "call b.go", **policies)


def app_of(replica: Replica, handler: Handler) -> FastAPI:
    """A service with one endpoint, POST /go."""
    app = FastAPI()
    app.add_middleware(Limits, replica=replica)
    replica.register("go", Flow, handler, Order)

    @app.post("/go")
    async def go(body: Order, request: Request) -> Response:
        status, headers, content = await serve(replica, "go", Flow, handler, request.headers, body)
        return Response(content, status, headers)

    return app


class Running:
    """A replica behind a port."""

    def __init__(self, replica: Replica, handler: Handler, host: str = "127.0.0.1") -> None:
        self.replica = replica
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(app_of(replica, handler), log_level="error", access_log=False, lifespan="off")
        self.server = uvicorn.Server(config)
        self.server.capture_signals = _no_signals  # type: ignore[method-assign]
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self.server.serve([self.socket]))
        while not self.server.started:
            await asyncio.sleep(0.005)
        await self.replica.start()

    def kill(self) -> None:
        """As a host does when a replica dies: its connections are reset, nobody listens any more."""
        for server in self.server.servers:
            server.close()
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()

    async def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        await self.replica.stop()
        if self.task is not None:
            await self.task
        self.socket.close()


def _no_signals() -> Any:
    from contextlib import nullcontext

    return nullcontext()


@asynccontextmanager
async def two(
    a: Handler, b: Handler, service: Service | None = None, replicas: int = 1, **options: Any
) -> AsyncIterator[tuple[Running, list[Running], aiohttp.ClientSession]]:
    """Service a in front of b, and a client."""
    lines: list[str] = []
    behind = [
        Running(Replica(service or Service("b"), ordinal=i, number=i + 1, log=lines.append), b) for i in range(replicas)
    ]
    for each in behind:
        each.replica.on_crash = lambda *_, each=each: each.kill()  # type: ignore[misc]
    directory = Directory({"b": Balancer("round_robin", [each.url for each in behind])})
    front = Running(Replica(Service("a"), directory=directory, log=lines.append, **options), a)
    everyone = [front, *behind]
    for each in everyone:
        await each.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield front, behind, session
    finally:
        for each in everyone:
            await each.stop()


async def until(holds: Callable[[], bool], within: float = 120.0) -> bool:
    """Whether it comes to hold within so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not holds() and loop.time() < end:
        await asyncio.sleep(0.01)
    return holds()


async def ask(session: aiohttp.ClientSession, to: Running, **more: Any) -> tuple[int, str, str]:
    """POST /go: status, outcome and cause of the answer."""
    async with session.post(to.url + "/go", json=more.pop("json", {}), **more) as answer:
        await answer.read()
        return answer.status, answer.headers.get("x-msforge-outcome", ""), answer.headers.get("x-msforge-cause", "")
