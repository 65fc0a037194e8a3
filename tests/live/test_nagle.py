"""Answers are not held back by Nagle's algorithm."""

from __future__ import annotations

import asyncio
import socket

from msforge.live import ports


def test_connections_to_our_sockets_have_no_delay() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        seen: asyncio.Future[int] = loop.create_future()

        class Server(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                seen.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        sock = ports.bind(0)
        port = sock.getsockname()[1]
        server = await loop.create_server(Server, sock=sock)
        _, writer = await asyncio.open_connection(ports.HOST, port)
        writer.close()
        found = await seen
        server.close()
        return found

    assert asyncio.run(main())
