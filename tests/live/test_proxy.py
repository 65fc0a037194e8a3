"""The balancer in front of replicas: everything passes through it unchanged, hanging up too."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from msforge.live import proxy
from msforge.live.ports import bind
from msforge.live.proxy import Front, reset
from msforge.runtime.balancer import Balancer
from tests.live.conftest import PATIENCE

REQUEST = b"POST /x HTTP/1.1\r\nhost: a\r\nX-Odd-Header:  Kept As It Is\r\ncontent-length: 2\r\n\r\nhi"
ANSWER = b"HTTP/1.1 200 OK\r\nx-msforge-outcome: degraded\r\ncontent-length: 3\r\n\r\nyes"


Behave = Callable[["Backend", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Backend:
    """A replica that answers what it is told to, and remembers."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.seen: list[bytes] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.url = ""

    async def start(self) -> Backend:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self.behave(self, reader, writer)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.seen.append(data)
            writer.write(ANSWER)
        writer.close()

    async def hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.seen.append(data)
        self.gone.set()
        writer.close()

    async def die(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        reset(writer.transport)


async def front_of(balancer: Balancer) -> tuple[Front, int]:
    front = Front("back", balancer)
    sock = bind(0)
    await front.listen(sock)
    return front, sock.getsockname()[1]


async def exchange(port: int, *messages: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    for message in messages:
        writer.write(message)
        answer += await asyncio.wait_for(reader.read(65536), PATIENCE)
    writer.close()
    return answer


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 2 * PATIENCE))  # type: ignore[arg-type]


def test_bytes_pass_unchanged_and_connections_are_kept() -> None:
    async def test() -> None:
        backend = await Backend(Backend.answer).start()
        front, port = await front_of(Balancer(urls=[backend.url]))
        assert await exchange(port, REQUEST, REQUEST, REQUEST) == ANSWER * 3
        assert await exchange(port, REQUEST) == ANSWER
        assert backend.seen == [REQUEST] * 4 and backend.connections == 1
        await front.close()

    run(test)


def test_pieces_and_a_row_of_requests_at_once() -> None:
    async def test() -> None:
        backend = await Backend(Backend.answer).start()
        front, port = await front_of(Balancer(urls=[backend.url]))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in REQUEST:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(REQUEST + REQUEST)
        assert await asyncio.wait_for(reader.readexactly(3 * len(ANSWER)), PATIENCE) == ANSWER * 3
        writer.close()
        await front.close()

    run(test)


def test_requests_are_spread_and_counted() -> None:
    async def test() -> None:
        one, two = await Backend(Backend.answer).start(), await Backend(Backend.answer).start()
        front, port = await front_of(Balancer(urls=[one.url, two.url]))
        for _ in range(6):
            await exchange(port, REQUEST)
        assert (len(one.seen), len(two.seen)) == (3, 3)
        await front.close()

        slow = await Backend(Backend.hang).start()
        least = Balancer("least_connections", [slow.url, one.url])
        least.counts[one.url] = 1  # so that the first goes to the slow one
        front, port = await front_of(least)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        while not slow.seen:
            await asyncio.sleep(0.01)
        least.counts[one.url] = 0
        assert least.counts[slow.url] == 1
        for _ in range(3):
            assert await exchange(port, REQUEST) == ANSWER
        writer.close()
        await asyncio.wait_for(slow.gone.wait(), PATIENCE)
        assert least.counts == {slow.url: 0, one.url: 0}
        await front.close()

    run(test)


def test_a_caller_that_hangs_up_is_hung_up_on_at_the_callee() -> None:
    async def test() -> None:
        backend = await Backend(Backend.hang).start()
        front, port = await front_of(Balancer(urls=[backend.url]))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        while not backend.seen:
            await asyncio.sleep(0.01)
        writer.close()
        await asyncio.wait_for(backend.gone.wait(), PATIENCE)
        await front.close()

    run(test)


def test_a_callee_that_dies_resets_its_caller_and_one_that_is_gone_too() -> None:
    async def test() -> None:
        backend = await Backend(Backend.die).start()
        free = socket.socket()  # bound, so that nobody else has the port, and nobody listens
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        for url in (backend.url, nobody):
            front, port = await front_of(Balancer(urls=[url]))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            try:
                assert await asyncio.wait_for(reader.read(), PATIENCE) == b"", "an answer came from nobody"
            except ConnectionResetError:
                pass
            else:
                raise AssertionError("the connection was closed politely")
            await front.close()
        free.close()

    run(test)


def test_without_a_replica_it_says_unavailable_and_what_is_malformed_gets_a_status() -> None:
    async def test() -> None:
        front, port = await front_of(Balancer())
        answer = await exchange(port, REQUEST)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"x-msforge-outcome: unavailable" in answer
        for message, status in ((b"GET / HTTP/1.1\r\nbad\r\n\r\n", b"400"), (b"x" * 70_000, b"431")):
            assert (await exchange(port, message)).split(b" ")[1] == status
        await front.close()

    run(test)


@pytest.mark.parametrize("framing", [b"content-length: 18000000", b"transfer-encoding: chunked"])
def test_who_sends_slowly_still_reads_that_it_is_too_large(framing: bytes) -> None:
    """Through a socket that blocks, as simple clients do: it is written to until all is sent, then read."""
    piece = b"x" * 500_000
    chunk = piece if b"length" in framing else b"7a120\r\n" + piece + b"\r\n"

    def send(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"POST /x HTTP/1.1\r\nhost: a\r\n" + framing + b"\r\n\r\n")
            for _ in range(36):
                sock.sendall(chunk)
                time.sleep(0.01)
            return sock.recv(65536)

    async def test() -> None:
        front, port = await front_of(Balancer())
        answer = await asyncio.to_thread(send, port)
        assert answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in answer
        await front.close()

    run(test)


def test_who_asks_before_sending_is_refused_at_once() -> None:
    async def test() -> None:
        front, port = await front_of(Balancer())
        head = b"POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 18000000\r\n\r\n"
        assert (await exchange(port, head)).startswith(b"HTTP/1.1 413 ")
        await front.close()

    run(test)


def test_a_body_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "LINGER", 0.3)

    async def test() -> None:
        front, port = await front_of(Balancer())
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 18000000\r\n\r\n")
        while not front.clients:
            await asyncio.sleep(0.01)
        while front.clients:
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.close()
        await front.close()

    run(test)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def test() -> None:
        async def behave(self: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall")
            writer.write(b" of it")
            writer.close()

        backend = await Backend(behave).start()
        front, port = await front_of(Balancer(urls=[backend.url]))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).endswith(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()
        await front.close()

    run(test)
