"""gRPC: messages, status codes, deadlines and hang-ups, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from neighbours import Order
from rpc_peer import compiled

from msforge.live.ports import bind
from msforge.runtime.directory import Directory
from msforge.runtime.failures import Rejected
from msforge.runtime.flow import Flow
from msforge.runtime.plan import MS, Method, Service
from msforge.runtime.replica import Replica
from msforge.runtime.rpc_channels import Channels
from msforge.runtime.rpc_schema import codecs, field_names
from msforge.runtime.rpc_server import RpcServer

grpc = pytest.importorskip("grpc", reason="the package grpcio is not installed")

EVERYTHING = (
    ("sku", "string"), ("quantity", "integer"), ("price", "number"), ("gift", "boolean"), ("extra", "object"),
    ("lines", "array"), ("ship-to", "string"), ("ship_to", "string"), ("1st", "integer"),
)
METHOD = Method("shop.v1.Orders/Place", EVERYTHING, (("id", "string"), ("total", "number")))
Handler = Callable[[Any, Flow], Awaitable[Any]]


@asynccontextmanager
async def served(handler: Handler, service: Service | None = None) -> AsyncIterator[tuple[Replica, Any]]:
    """A replica with one method, and a stranger's way to call it: bytes in, bytes out."""
    replica = Replica(service or Service("b"), log=lambda line: None)
    replica.register("go", Flow, handler, Order)
    sock = bind(0)
    port = sock.getsockname()[1]
    sock.close()
    replica.rpc = RpcServer(replica, {"go": METHOD}, "127.0.0.1", port)
    await replica.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield replica, channel.unary_unary(f"/{METHOD.name}")
    finally:
        await channel.close(None)
        await replica.stop()


async def answer(ask: Any, content: bytes, **options: Any) -> tuple[int, str]:
    """Status code and outcome of a call."""
    made = ask(content, **options)
    try:
        await made
        said = dict(await made.trailing_metadata())
        return 0, said.get("x-msforge-outcome", "")
    except grpc.aio.AioRpcError as problem:
        said = dict(problem.trailing_metadata() or ())
        return problem.code().value[0], said.get("x-msforge-outcome", "")


VALUES = [
    {}, {"sku": ""}, {"sku": "tea", "quantity": 0}, {"quantity": -(2**63)}, {"price": 1.5, "gift": False},
    {"extra": {}}, {"extra": {"a": [1.0, None, {"b": "\u00e9"}]}, "lines": []}, {"lines": ["x", 2.0, True]},
    {"ship-to": "here", "ship_to": "there", "1st": 1},
]


@pytest.mark.parametrize("values", VALUES, ids=range(len(VALUES)))
def test_fields_come_back_as_they_were(values: dict[str, Any]) -> None:
    request, _ = codecs(METHOD)
    assert request.decode(request.encode(values)) == values


@pytest.mark.parametrize("values", [
    {"sku": 5}, {"quantity": "many"}, {"quantity": 2**63}, {"quantity": True}, {"price": "1"}, {"gift": "yes"},
    {"extra": []}, {"lines": {}}, {"extra": {"a": object()}},
], ids=range(9))
def test_a_field_of_a_wrong_type_is_named(values: dict[str, Any]) -> None:
    request, _ = codecs(METHOD)
    with pytest.raises(ValueError, match=next(iter(values))):
        request.encode(values)


def test_what_a_stranger_adds_is_left_out_and_what_is_no_message_is_refused() -> None:
    request, response = codecs(METHOD)
    assert response.decode(request.encode({"quantity": 3})) == {}
    with pytest.raises(ValueError, match="not the message"):
        request.decode(b"\xff\xff")


def test_names_in_a_proto_file_are_told_apart() -> None:
    names = field_names(["ship-to", "ship_to", "shipTo", "1st", "_x", "\u00e9"])
    assert names == {"ship-to": "ship_to", "ship_to": "ship_to_2", "shipTo": "shipTo_3", "1st": "f_1st", "_x": "f_x",
                     "\u00e9": "f_"}


def test_the_proto_file_declares_the_same_messages(tmp_path: Any) -> None:
    request_class, response_class = compiled(METHOD, tmp_path)
    request, response = codecs(METHOD)
    theirs = request_class(sku="tea", quantity=7, price=0.5, gift=True, f_1st=1)
    theirs.extra.update({"a": 1.0})
    theirs.lines.extend(["x"])
    assert request.decode(theirs.SerializeToString()) == {
        "sku": "tea", "quantity": 7, "price": 0.5, "gift": True, "1st": 1, "extra": {"a": 1.0}, "lines": ["x"],
    }
    ours = response_class.FromString(response.encode({"id": "o1", "total": 2.5}))
    assert (ours.id, ours.total) == ("o1", 2.5)


def test_a_stranger_is_answered() -> None:
    async def handler(request: Order, flow: Flow) -> dict[str, Any]:
        return {"id": request.sku, "total": request.quantity * 2.0}

    async def main() -> None:
        request, response = codecs(METHOD)
        async with served(handler) as (replica, ask):
            content = await ask(request.encode({"sku": "tea", "quantity": 4}))
            assert response.decode(content) == {"id": "tea", "total": 8.0}
            assert await answer(ask, b"") == (0, "ok")
            assert replica.stats.of("go").outcomes[0] == 2

    asyncio.run(main())


def test_failures_are_status_codes() -> None:
    async def handler(request: Order, flow: Flow) -> None:
        if request.sku == "bad":
            raise Rejected("no such tea", 404)
        if request.sku == "bug":
            raise KeyError("bug")
        await flow.replica.clock.sleep(int(request.quantity) * MS)

    async def main() -> None:
        request, _ = codecs(METHOD)
        async with served(handler, Service("b", threads=1, queue=0)) as (_, ask):
            assert await answer(ask, request.encode({"sku": "bad"})) == (3, "rejected")
            assert await answer(ask, request.encode({"sku": "bug"})) == (13, "error")
            assert await answer(ask, b"\xff\xff") == (3, "rejected")
            slow = asyncio.ensure_future(answer(ask, request.encode({"quantity": 300})))
            await asyncio.sleep(0.1)
            assert await answer(ask, b"") == (14, "overloaded")
            assert await slow == (0, "ok")
        async with served(handler, Service("b", rate=0.001, burst=1)) as (_, ask):
            assert await answer(ask, b"") == (0, "ok")
            assert await answer(ask, b"") == (8, "rate_limited")

    asyncio.run(main())


def test_a_strangers_deadline_stops_the_work() -> None:
    ended: list[int] = []

    async def handler(request: Order, flow: Flow) -> None:
        try:
            await flow.replica.clock.sleep(20_000 * MS)
        finally:
            ended.append(flow.replica.clock.now())

    async def main() -> None:
        async with served(handler) as (replica, ask):
            assert (await answer(ask, b"", timeout=0.2))[0] == 4
            for _ in range(500):
                if ended and not replica.active:
                    break
                await asyncio.sleep(0.01)
            assert ended and not replica.active and replica.stats.of("go").outcomes[4] == 1  # timeout

    asyncio.run(main())


@pytest.mark.parametrize(("cancel", "stopped"), [("all", True), ("", False)])
def test_hanging_up_stops_only_what_says_so(cancel: str, stopped: bool) -> None:
    async def handler(request: Order, flow: Flow) -> None:
        await flow.replica.clock.sleep(400 * MS)

    async def main() -> None:
        async with served(handler) as (replica, ask):
            metadata = (("x-msforge-cancel", cancel),) if cancel else ()
            made = ask(b"", metadata=metadata)
            while not replica.active:
                await asyncio.sleep(0.005)
            made.cancel()
            while replica.active:
                await asyncio.sleep(0.005)
            outcomes = replica.stats.of("go").outcomes
            assert outcomes[0] == (0 if stopped else 1)

    asyncio.run(main())


def test_what_is_too_large_is_refused() -> None:
    async def handler(request: Order, flow: Flow) -> None:
        return None

    async def main() -> None:
        request, _ = codecs(METHOD)
        async with served(handler) as (_, ask):
            assert (await answer(ask, request.encode({"sku": "x" * 2_000_000})))[0] == 8
            assert await answer(ask, b"") == (0, "ok")

    asyncio.run(main())


def test_a_taken_port_is_said() -> None:
    async def main() -> None:
        with bind(0) as sock:
            sock.listen()
            replica = Replica(Service("b"), log=lambda line: None)
            server = RpcServer(replica, {"go": METHOD}, "127.0.0.1", sock.getsockname()[1])
            with pytest.raises(RuntimeError, match="port taken"):
                await server.start()

    asyncio.run(main())


def test_in_containers_every_host_takes_grpc_at_one_port() -> None:
    known = Directory(rpc={"http://127.0.0.1:8001": "127.0.0.1:8003", "*": ":9000"})
    assert known.rpc_address("http://127.0.0.1:8001") == "127.0.0.1:8003"
    assert known.rpc_address("http://10.1.2.3:8000") == "10.1.2.3:9000"
    assert known.rpc_address("http://[fd00::1]:8000") == "[fd00::1]:9000"
    assert Directory(rpc={}).rpc_address("http://10.1.2.3:8000") is None


def test_requests_that_wait_for_a_connection_arrive_in_their_order() -> None:
    async def arrived() -> list[str]:
        """In the order of their arrival, of four requests sent at once over a connection that is not there yet."""
        found: list[str] = []

        async def handler(body: Any, flow: Flow) -> Any:
            found.append(body.sku)
            return {"id": "1", "total": 1.0}

        async with served(handler) as (replica, _):
            channels = Channels()
            request, _ = codecs(METHOD)

            async def send(sku: str) -> None:
                channel = await channels.to(replica.rpc.address)
                await channel.unary_unary(f"/{METHOD.name}")(request.encode({"sku": sku, "quantity": 1}))

            await asyncio.gather(*(send(sku) for sku in "abcd"))
            await channels.close()
        return found

    assert [asyncio.run(arrived()) for _ in range(20)] == [["a", "b", "c", "d"]] * 20
