"""Parts in another process, seen from a replica: over a socket that may break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from msforge.live.parts_server import PartsServer
from msforge.policies.distributions import Dist
from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.clock import Clock
from msforge.runtime.embedded import EmbeddedParts
from msforge.runtime.failures import OVERLOADED, RESET, TIMEOUT, UNAVAILABLE
from msforge.runtime.plan import MS, Channel, Consumer, Retry, Store
from msforge.runtime.remote_parts import RemoteParts

CONSUMER = Consumer("handle", "jobs", "worker", False, 1, 4, Retry(5))
SETTINGS = {
    "name": "handle", "group": "worker", "channel": "jobs", "ordinal": 0, "threads": 1, "prefetch": 4,
    "idempotent": False,
    "retry": {"attempts": 5, "backoff": 0, "factor": 2.0, "max_backoff": -1, "jitter": "none"},
}
Act = Callable[[EmbeddedParts, PartsServer, RemoteParts], Awaitable[None]]


def run(act: Act, **channel: Any) -> None:
    """Run with parts, a server and one client."""

    async def main() -> None:
        clock = Clock()
        parts = EmbeddedParts(
            [Channel("jobs", **channel)], [Store("db", connections=1, read=Dist("constant", (float(MS),)))], clock,
            [CONSUMER])
        server = PartsServer(parts, "secret")
        url = await server.start()
        client = RemoteParts(url, clock)
        await client.start()
        try:
            async with asyncio.timeout(20):
                await act(parts, server, client)
        finally:
            await client.stop()
            await server.stop()
            await parts.stop()

    asyncio.run(main())


def message(id: str) -> dict[str, Any]:
    """A message of that id."""
    return {"id": id, "body": {"order": id}, "key": None, "draw": [1, 2, 3], "headers": {"traceparent": "00-x"}}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


async def break_connections(server: PartsServer) -> None:
    """Reset every connection at once."""
    for session in [*server.sessions]:
        transport = session.ws._req.transport if session.ws._req is not None else None  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()


def test_operations_wait_in_one_line_for_all_replicas() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        first = asyncio.ensure_future(client.operate("db", 30 * MS, -1))
        await asyncio.sleep(0.01)
        assert await client.operate("db", MS, 5 * MS) == TIMEOUT
        assert await client.operate("db", MS, 5 * MS, hang=True) == TIMEOUT
        assert await first == 0
        assert (await client.stats("db"))["timeouts"] == 2
        with pytest.raises(LookupError, match="nowhere"):
            await client.operate("nowhere", MS, -1)

    run(act)


def test_operation_nobody_waits_for_leaves_the_line() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        first = asyncio.ensure_future(client.operate("db", 200 * MS, -1))
        second = asyncio.ensure_future(client.operate("db", MS, -1))
        await until(lambda: len(parts.stations["db"].queue) == 1)
        second.cancel()
        await until(lambda: not parts.stations["db"].queue)
        first.cancel()
        await asyncio.sleep(0.02)
        assert len(parts.stations["db"].serving) == 1  # under way: it runs to its end

    run(act)


def test_deliveries_cross_with_all_they_carry_and_are_settled() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        seen: list[dict[str, Any]] = []

        async def deliver(delivery: dict[str, Any]) -> int:
            seen.append(delivery)
            client.effect(delivery["tag"], 7)
            return 0 if delivery["attempt"] == 2 else 2

        await client.subscribe(SETTINGS, "worker#0", deliver)
        assert await client.publish("jobs", message("a")) == 0
        await until(lambda: parts.channels["jobs"].done == 1)
        assert [d["attempt"] for d in seen] == [1, 2]
        assert (seen[0]["id"], seen[0]["body"], seen[0]["draw"]) == ("a", {"order": "a"}, [1, 2, 3])
        assert seen[0]["headers"] == {"traceparent": "00-x"}
        assert (await client.stats("jobs"))["applied_twice"] == 1

    run(act)


def test_full_queue_refuses_and_a_broker_out_of_order_says_so() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        assert await client.publish("jobs", message("a")) == 0
        assert await client.publish("jobs", message("b")) == OVERLOADED
        parts.fault({"id": "zone", "kind": "crash", "channel": "jobs"})
        await until(lambda: client.down("jobs"))
        assert await client.publish("jobs", message("c")) == RESET
        parts.clear("zone")
        await until(lambda: not client.down("jobs"))

    run(act, max_length=1, reject=True)


def test_broken_connection_is_a_crash_and_the_message_comes_again_at_once() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        attempts: list[int] = []
        release = asyncio.Event()

        async def deliver(delivery: dict[str, Any]) -> int:
            attempts.append(delivery["attempt"])
            if delivery["attempt"] == 1:
                await release.wait()
            return 0

        await client.subscribe(SETTINGS, "worker#0", deliver)
        await client.publish("jobs", message("a"))
        await until(lambda: attempts == [1])
        await break_connections(server)
        await until(lambda: parts.channels["jobs"].done == 1)
        release.set()  # the first one ends after all: that no longer counts
        await asyncio.sleep(0.05)
        counts = await client.stats("jobs")
        assert attempts == [1, 2]
        assert (counts["delivered"], counts["redelivered"], counts["done"]) == (2, 1, 1)

    run(act)


def test_no_message_is_lost_or_taken_twice_while_connections_break() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        async def breaking() -> None:
            while True:
                await asyncio.sleep(0.03)
                await break_connections(server)

        breaker = asyncio.ensure_future(breaking())
        outcomes = []
        for k in range(60):
            outcomes.append(asyncio.ensure_future(client.publish("jobs", message(f"m{k}"))))
            await asyncio.sleep(0.004)
        assert set(await asyncio.gather(*outcomes)) == {0}
        breaker.cancel()
        ids = [m.content["id"] for m in parts.channels["jobs"].backlog]  # type: ignore[attr-defined]
        assert sorted(ids) == sorted(f"m{k}" for k in range(60))

    run(act)


def test_what_was_asked_of_a_store_ends_with_the_connection() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        asked = asyncio.ensure_future(client.operate("db", 10_000 * MS, -1))
        assert await client.join("db", "k") == LEAD
        waits = asyncio.ensure_future(client.join("db", "k"))
        await until(lambda: len(parts.stations["db"].serving) == 1 and bool(parts.caches["db"].flights["k"]))
        await break_connections(server)
        assert (await asked, await waits) == (RESET, AGAIN)
        assert await client.operate("db", MS, -1) in (UNAVAILABLE, 0)
        await until(lambda: not parts.caches["db"].flights)

    run(act)


def test_leaving_finishes_what_it_has() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        async def deliver(delivery: dict[str, Any]) -> int:
            await asyncio.sleep(0.03)
            return 0

        subscription = await client.subscribe(SETTINGS, "worker#0", deliver)
        for k in range(6):
            await client.publish("jobs", message(f"m{k}"))
        await subscription.leave()
        assert (parts.channels["jobs"].done, parts.channels["jobs"].backlog_size()) == (4, 2)

    run(act)


def test_killed_replica_says_so_itself() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        async def deliver(delivery: dict[str, Any]) -> int:
            await asyncio.sleep(60)
            return 0

        await client.subscribe(SETTINGS, "worker#0", deliver)
        await client.publish("jobs", message("a"))
        await until(lambda: parts.channels["jobs"].unacked() == 1)
        client.crashed("worker#0")
        await until(lambda: parts.channels["jobs"].backlog_size() == 1)

    run(act)


def test_start_says_when_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msforge.runtime.remote_parts.PATIENCE", 0.2)
    with pytest.raises(ConnectionError, match=r"ws://127\.0\.0\.1:9"):
        asyncio.run(RemoteParts("ws://127.0.0.1:9/").start())


@asynccontextmanager
async def raw(server_url: str, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A client that says what it likes."""
    async with aiohttp.ClientSession() as session, session.ws_connect(server_url, **options) as ws:
        yield ws


@pytest.mark.parametrize(
    "frame",
    ["nonsense", "[]", "{}", '{"op": "fly"}', '{"op": "operate"}', '{"op": "settle"}', '{"op": "effect", "tag": 1}',
     "[" * 5000],
)
def test_frame_that_makes_no_sense_ends_the_connection(frame: str) -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        async with raw(client.url) as ws:
            await ws.receive()
            await ws.send_str(frame)
            assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert (await client.stats("jobs"))["published"] == 0

    run(act)


@pytest.mark.parametrize(
    "fields",
    [{"op": "operate", "store": "db", "duration": "x", "timeout": -1, "hang": False}, {"op": "lookup"},
     {"op": "publish", "channel": "jobs", "message": 7}, {"op": "subscribe", "subscription": 1, "consumer": {}}],
)
def test_wrong_fields_are_answered_with_a_problem(fields: dict[str, Any]) -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        async with raw(client.url) as ws:
            await ws.receive()
            await ws.send_str(json.dumps({**fields, "n": 1}))
            answer = json.loads((await ws.receive()).data)
            assert answer["n"] == 1
            assert "problem" in answer

    run(act)


def test_web_pages_and_strangers_are_turned_away() -> None:
    async def act(parts: EmbeddedParts, server: PartsServer, client: RemoteParts) -> None:
        for url, headers in ((client.url, {"Origin": "http://evil.example"}), (client.url[:-6] + "guess", {})):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with raw(url, headers=headers):
                    pass

    run(act)
