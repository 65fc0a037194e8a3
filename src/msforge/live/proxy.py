"""A balancer in front of a service's replicas: `balancer: shared`, when each replica is a process.

It passes whole messages on, unchanged, and keeps connections to the replicas open. Whoever hangs up is
hung up on, both ways: that is how a cancel reaches the callee and a crash its callers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from msforge.live.http_framing import BadMessage, Head, answer_size, read_head, request_size
from msforge.policies.keys import child_key, uniform

IDLE: Final = 4.0
"""Seconds after which an unused connection to a replica is not used again: servers close theirs after 5."""
LINGER: Final = 5.0
"""Seconds that a refused request may go on being sent, so that its sender gets to read the refusal."""
_DRAW: Final = re.compile(rb"([0-9a-fA-F]{1,16})-(\d{1,18})-([0-9a-fA-F]{1,16})")
_RESET: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""`struct linger`: on, 0 seconds. Two shorts on Windows, two ints elsewhere."""


class Balancing(Protocol):
    """What a front asks of a balancer (`runtime.balancer.Balancer` is one)."""

    def pick(self, u: Callable[[], float]) -> str | None:
        """The URL of a replica."""

    def sent(self, url: str) -> None:
        """A request is on its way there."""

    def settled(self, url: str) -> None:
        """It has its answer, or nobody waits for it."""


def reset(transport: Any) -> None:
    """Ends a connection so that the other side sees a reset, as when a process dies."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):  # it is gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class Front:
    """One service's door: listens, picks a replica for each request, brings the answer back."""

    def __init__(self, service: str, balancer: Balancing) -> None:
        self.service = service
        self.balancer = balancer
        self.idle: dict[str, list[Upstream]] = {}
        self.clients: set[Downstream] = set()
        self.requests = 0
        self._server: asyncio.Server | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Serve on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Downstream(self), sock=sock, backlog=2048)

    async def close(self) -> None:
        """Stop listening and let go of every connection."""
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.hang_up()
        for waiting in list(self.idle.values()):
            for upstream in list(waiting):
                upstream.close()

    def take(self, url: str, now: float) -> Upstream | None:
        """An open connection to `url` that is fresh enough, the one used last first."""
        waiting = self.idle.get(url)
        while waiting:
            upstream = waiting.pop()
            if now - upstream.since < IDLE and upstream.usable:
                return upstream
            upstream.close()
        return None

    def give_back(self, upstream: Upstream, now: float) -> None:
        """A connection that may be used again."""
        upstream.since = now
        self.idle.setdefault(upstream.url, []).append(upstream)

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone."""
        waiting = self.idle.get(upstream.url)
        if waiting and upstream in waiting:
            waiting.remove(upstream)


class Downstream(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.buffer = bytearray()
        self.transport: Any = None
        self.upstream: Upstream | None = None
        self.url = ""
        self.busy = False
        self.method = b""
        self.stays_open = True
        self.refused: asyncio.TimerHandle | None = None
        self.dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        """A caller connects."""
        self.transport = transport
        self.front.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: nobody waits for what is under way."""
        self.front.clients.discard(self)
        self.transport = None
        if self.refused is not None:
            self.refused.cancel()
        if self.dialling is not None:
            self.dialling.cancel()
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.client = None
            upstream.close()
        self._settled()

    def data_received(self, data: bytes) -> None:
        """More of a request; of one that was refused, nobody wants to know it."""
        if self.refused is not None:
            return
        self.buffer += data
        if not self.busy:
            self._next()

    def _next(self) -> None:
        try:
            head = read_head(self.buffer)
            if head is None:
                return None
            size = request_size(self.buffer, head)
            if head.get(b"expect").lower() == b"100-continue" and len(self.buffer) == head.size:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except BadMessage as bad:
            return self._refuse(bad.status, bad.reason, close=True)
        if size < 0:
            return None
        message = bytes(self.buffer[:size])
        del self.buffer[:size]
        self._send(head, message)
        return None

    def _send(self, head: Head, message: bytes) -> None:
        front = self.front
        self.busy = True
        self.method = head.first.partition(b" ")[0]
        self.stays_open = head.stays_open
        front.requests += 1
        url = front.balancer.pick(lambda: chance(head.get(b"x-msforge-draw")))
        if url is None:
            self.busy = False
            return self._refuse(503, "unavailable", close=False)
        self.url = url
        front.balancer.sent(url)
        upstream = front.take(url, asyncio.get_running_loop().time())
        if upstream is None:
            self.dialling = asyncio.get_running_loop().create_task(self._dial(url, message))
        else:
            self._pass_on(upstream, message)
        return None

    async def _dial(self, url: str, message: bytes) -> None:
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            _, upstream = await loop.create_connection(lambda: Upstream(self.front, url), host, int(port))
        except OSError:
            self.dialling = None
            self.failed()
            return
        self.dialling = None
        if self.transport is None:
            upstream.close()
        else:
            self._pass_on(upstream, message)

    def _pass_on(self, upstream: Upstream, message: bytes) -> None:
        self.upstream = upstream
        upstream.send(message, self)

    def answered(self, message: bytes, stays_open: bool) -> None:
        """The answer, whole."""
        self.upstream = None
        self._settled()
        if self.transport is None:
            return
        self.transport.write(message)
        if not (stays_open and self.stays_open):
            self.transport.close()
        elif self.buffer:
            self._next()

    def interim(self, message: bytes) -> None:
        """A 1xx answer: another one follows."""
        if self.transport is not None:
            self.transport.write(message)

    def failed(self) -> None:
        """The replica refused the connection, or died: so does this connection."""
        self.upstream = None
        self._settled()
        reset(self.transport)

    def hang_up(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.abort()

    def _settled(self) -> None:
        if self.url:
            self.front.balancer.settled(self.url)
        self.url = ""
        self.busy = False

    def _refuse(self, status: int, reason: str, *, close: bool) -> None:
        if self.transport is None:
            return
        body = reason.encode()
        outcome = b"x-msforge-outcome: unavailable\r\n" if status == 503 else b""
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n%s%s\r\n%s"
            % (status, body, len(body), outcome, b"connection: close\r\n" if close else b"", body)
        )
        if close:
            self._linger()
        elif self.buffer:
            self._next()

    def _linger(self) -> None:
        """Say no more, but read on for a while: closed on a sender, a connection is reset, its answer lost."""
        self.buffer.clear()
        self.transport.write_eof()
        self.refused = asyncio.get_running_loop().call_later(LINGER, self.hang_up)


class Upstream(asyncio.Protocol):
    """A connection to a replica."""

    def __init__(self, front: Front, url: str) -> None:
        self.front = front
        self.url = url
        self.since = 0.0
        self.buffer = bytearray()
        self.transport: Any = None
        self.client: Downstream | None = None

    @property
    def usable(self) -> bool:
        """Whether it is still open."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: Any) -> None:
        """Connected."""
        self.transport = transport

    def send(self, message: bytes, client: Downstream) -> None:
        """A request for it, on behalf of `client`."""
        self.client = client
        self.buffer.clear()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        """More of an answer."""
        if self.client is None:
            return self.close()  # it speaks without being asked
        self.buffer += data
        try:
            self._read()
        except BadMessage:
            self._give_up()

    def _read(self) -> None:
        while self.client is not None:
            head = read_head(self.buffer)
            if head is None:
                return
            size = answer_size(self.buffer, head, self.client.method)
            if size < 0:
                return
            message = bytes(self.buffer[:size])
            del self.buffer[:size]
            if head.status < 200:
                self.client.interim(message)
                continue
            client, self.client = self.client, None
            if head.stays_open and not self.buffer and self.usable:
                self.front.give_back(self, asyncio.get_running_loop().time())
            else:
                self.close()
            client.answered(message, head.stays_open)

    def eof_received(self) -> None:
        """The replica has no more to say: the end of an answer without a length."""
        client = self.client
        if client is None or not self.buffer:
            return
        try:
            head = read_head(self.buffer)
        except BadMessage:
            return
        if head is not None and not head.get(b"content-length") and not head.get(b"transfer-encoding"):
            self.client = None
            client.answered(bytes(self.buffer), False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The replica is gone, or it was enough."""
        self.transport = None
        self.front.lost(self)
        self._give_up()

    def _give_up(self) -> None:
        client, self.client = self.client, None
        self.close()
        if client is not None:
            client.failed()

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.close()


def chance(draw: bytes) -> float:
    """A uniform number for a pick: the request's own where it says which it is."""
    found = _DRAW.fullmatch(draw)
    if found is None:
        return random.random()
    key, number, context = int(found[1], 16), int(found[2]), int(found[3], 16)
    return uniform(child_key(child_key(key, "pick"), "@u"), number, context)
