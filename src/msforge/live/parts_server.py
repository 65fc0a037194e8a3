"""The embedded parts for replicas in processes of their own: one websocket a replica.

A socket that closes is the crash of whoever was behind it: what its consumers had comes again at once. Frames are JSON
objects; a request has a number `n`, and its answer the same. What a client sends wrongly is answered with a problem.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from msforge.live.ports import bind
from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.embedded import EmbeddedParts, EmbeddedSubscription

LARGEST_FRAME: Final = 16 * 1024 * 1024
IDS_KEPT: Final = 100_000
"""Ids of messages that were taken, so that one sent again after a broken connection is not taken twice."""

Frame = dict[str, Any]


class PartsServer:
    """Serves `parts` on a socket of this machine. With a `token`, clients have it as the URL's path."""

    def __init__(self, parts: EmbeddedParts, token: str = "") -> None:
        self.parts = parts
        self.token = token
        self.sessions: set[Session] = set()
        self.taken: OrderedDict[str, None] = OrderedDict()
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0) -> str:
        """Listen on loopback (port 0: any); the URL for clients. Raises OSError."""
        app = web.Application()
        app.router.add_get("/" + self.token, self._connected)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        sock = bind(port)
        await web.SockSite(self._runner, sock).start()
        self.parts.watchers.append(self._tell)
        host, bound = sock.getsockname()[:2]
        return f"ws://{host}:{bound}/{self.token}"

    async def stop(self) -> None:
        """Close every connection."""
        if self._tell in self.parts.watchers:
            self.parts.watchers.remove(self._tell)
        for session in [*self.sessions]:
            await session.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _tell(self, channel: str, down: bool) -> None:
        for session in self.sessions:
            session.send({"down": {channel: down}})

    async def _connected(self, request: web.Request) -> web.StreamResponse:
        if "Origin" in request.headers or not compare_digest(request.path, "/" + self.token):
            raise web.HTTPForbidden(text="not for web pages")  # only a browser sends an Origin
        ws = web.WebSocketResponse(max_msg_size=LARGEST_FRAME, compress=False)
        await ws.prepare(request)
        session = Session(self, ws)
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
        return ws


class Session:
    """One replica's connection."""

    def __init__(self, server: PartsServer, ws: web.WebSocketResponse) -> None:
        self.server = server
        self.parts = server.parts
        self.ws = ws
        self.outgoing: asyncio.Queue[str] = asyncio.Queue()
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.subscriptions: dict[int, EmbeddedSubscription] = {}
        self.settling: dict[int, asyncio.Future[int]] = {}
        self.leading: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Until the connection is gone."""
        writer = asyncio.get_running_loop().create_task(self._write())
        self.send({"down": {name: machine.down > 0 for name, machine in self.parts.channels.items()}})
        try:
            async for message in self.ws:
                if message.type != WSMsgType.TEXT or not self._received(message):
                    break
        finally:
            writer.cancel()
            self._gone()

    async def close(self) -> None:
        """Hang up."""
        await self.ws.close()

    def _gone(self) -> None:
        """Whoever was there is dead."""
        self.parts.crash([s.worker for s in self.subscriptions.values()])
        self.subscriptions.clear()
        for task in [*self.tasks.values()]:
            task.cancel()
        for cache, key in self.leading:
            self.parts.land(cache, key, AGAIN)

    def send(self, frame: Frame) -> None:
        """Put a frame in the line to the client."""
        self.outgoing.put_nowait(json.dumps(frame, separators=(",", ":")))

    async def _write(self) -> None:
        try:
            while True:
                await self.ws.send_str(await self.outgoing.get())
        except (ConnectionError, RuntimeError):
            await self.ws.close()

    # -- what a client says --------------------------------------------------------------------

    def _received(self, message: WSMessage) -> bool:
        """Act on a frame. False: it makes no sense, and the connection ends."""
        try:
            frame = json.loads(message.data)
            op, n = frame["op"], frame.get("n")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return False
        told = TOLD.get(op)
        asked = ASKED.get(op)
        try:
            if told is not None:
                told(self, frame)
            elif asked is not None and isinstance(n, int):
                task = asyncio.get_running_loop().create_task(self._answer(n, asked, frame))
                self.tasks[n] = task
                task.add_done_callback(lambda _: self.tasks.pop(n, None))
            else:
                return False
        except (LookupError, TypeError, ValueError):
            return False
        return True

    async def _answer(self, n: int, asked: Callable[[Session, Frame], Any], frame: Frame) -> None:
        try:
            self.send({"n": n, "result": await asked(self, frame)})
        except LookupError as problem:
            self.send({"n": n, "problem": f"no store, cache or channel {problem.args[0]!r}"})
        except (TypeError, ValueError, AttributeError) as problem:
            self.send({"n": n, "problem": str(problem)})

    async def _publish(self, frame: Frame) -> int:
        message, taken = frame["message"], self.server.taken
        if message["id"] in taken:
            return 0
        outcome = await self.parts.publish(frame["channel"], message)
        if outcome == 0:
            taken[message["id"]] = None
            if len(taken) > IDS_KEPT:
                taken.popitem(last=False)
        return int(outcome)

    async def _join(self, frame: Frame) -> int:
        outcome = await self.parts.join(frame["cache"], frame["key"])
        if outcome == LEAD:
            self.leading.add((frame["cache"], frame["key"]))
        return int(outcome)

    def _land(self, frame: Frame) -> None:
        self.leading.discard((frame["cache"], frame["key"]))
        self.parts.land(frame["cache"], frame["key"], frame["outcome"])

    async def _subscribe(self, frame: Frame) -> None:
        number = frame["subscription"]

        async def deliver(delivery: dict[str, Any]) -> int:
            tag = delivery["tag"]
            settled = self.settling[tag] = asyncio.get_running_loop().create_future()
            self.send({"deliver": number, "delivery": delivery})
            try:
                return int(await settled)
            finally:
                self.settling.pop(tag, None)

        self.subscriptions[number] = await self.parts.subscribe(frame["consumer"], frame["replica"], deliver)

    async def _leave(self, frame: Frame) -> None:
        subscription = self.subscriptions.get(frame["subscription"])
        if subscription is not None:
            await subscription.leave()
            self.subscriptions.pop(frame["subscription"], None)

    def _settle(self, frame: Frame) -> None:
        settled = self.settling.get(frame["tag"])
        if settled is not None and not settled.done():
            settled.set_result(int(frame["outcome"]))

    def _cancel(self, frame: Frame) -> None:
        task = self.tasks.get(frame["of"])
        if task is not None:
            task.cancel()

    def _crashed(self, frame: Frame) -> None:
        self.parts.crash([s.worker for s in self.subscriptions.values()])
        self.subscriptions.clear()

    def _reach(self, frame: Frame) -> None:
        subscription = self.subscriptions.get(frame["subscription"])
        if subscription is not None:
            subscription.reach(bool(frame["reachable"]))


ASKED: Final[dict[str, Callable[[Session, Frame], Any]]] = {
    "operate": lambda s, f: s.parts.operate(f["store"], f["duration"], f["timeout"], hang=f["hang"]),
    "lookup": lambda s, f: s.parts.lookup(f["cache"], f["key"], f["hit"]),
    "fill": lambda s, f: s.parts.fill(f["cache"], f["key"], f["ttl"], f["capacity"]),
    "join": Session._join,
    "publish": Session._publish,
    "subscribe": Session._subscribe,
    "leave": Session._leave,
    "stats": lambda s, f: s.parts.stats(f["name"]),
}
"""Frames that are answered."""

TOLD: Final[dict[str, Callable[[Session, Frame], None]]] = {
    "settle": Session._settle,
    "effect": lambda s, f: s.parts.effect(f["tag"], f["step"]),
    "land": Session._land,
    "timed_out": lambda s, f: s.parts.timed_out(f["store"]),
    "lost": lambda s, f: s.parts.lost(f["channel"]),
    "cancel": Session._cancel,
    "crashed": Session._crashed,
    "reach": Session._reach,
}
"""Frames that are not."""
