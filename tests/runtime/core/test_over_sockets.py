"""The same behaviour over real HTTP, and what only HTTP has: connections, headers, bodies, strangers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from neighbours import Running, ask, call, ms, two, until

from msforge.runtime.failures import Rejected
from msforge.runtime.flow import Flow
from msforge.runtime.plan import MS, Breaker, Retry, Service
from msforge.runtime.replica import Replica

OK = (200, "ok", "")
SOON = 300 * MS
"""ns; a busy machine connects and asks within it."""
LATER = 3_000
"""ms; after `SOON`, however late that is."""
LONG = 60_000
"""ms; it is cancelled."""


def calling(**policies: Any) -> Any:
    """A handler that calls b."""
    step = call(**policies)

    async def handle(request: Any, do: Flow) -> Any:
        return await do.call(step, {"sku": "tea"})

    return handle


def waiting(amount: float) -> Any:
    """A handler that waits."""

    async def handle(request: Any, do: Flow) -> Any:
        await do.wait("wait", ms(amount))
        return {"sku": "tea"}

    return handle


def outcomes(running: Running) -> dict[str, int]:
    """What a replica's requests came to."""
    from msforge.runtime.admin import state_of

    found: dict[str, int] = state_of(running.replica)["outcomes"].get("go", {})
    return found


def test_an_answer_comes_back_with_its_body() -> None:
    async def main() -> None:
        async with (two(calling(), waiting(1)) as (a, [b], client), client.post(a.url + "/go", json={}) as answer):
            assert (answer.status, await answer.json()) == (200, {"sku": "tea"})
            assert outcomes(b) == {"ok": 1}

    asyncio.run(main())


def test_a_callee_works_on_after_its_callers_timeout() -> None:
    async def main() -> None:
        async with two(calling(timeout=SOON), waiting(900)) as (a, [b], client):
            assert await ask(client, a) == (504, "error", "b:timeout")
            assert await until(lambda: outcomes(b) == {"ok": 1})

    asyncio.run(main())


def test_cancel_all_stops_a_callee_and_cancel_queued_only_one_that_waits() -> None:
    async def main() -> None:
        async with two(calling(timeout=SOON, cancel="all"), waiting(LONG)) as (a, [b], client):
            assert (await ask(client, a))[1:] == ("error", "b:timeout")
            assert await until(lambda: outcomes(b) == {"cancelled": 1})
            assert b.replica.admission.busy == 0
        one = Service("b", threads=1)
        async with two(calling(timeout=SOON, cancel="queued"), waiting(900), one) as (a, [b], client):
            await asyncio.gather(ask(client, a), ask(client, a))
            assert await until(lambda: outcomes(b) == {"cancelled": 1, "ok": 1})

    asyncio.run(main())


def test_a_hedge_goes_to_the_next_replica() -> None:
    async def slow_then_fast(request: Any, do: Flow) -> Any:
        await do.wait("wait", ms(LONG if do.replica.ordinal == 0 else 10))
        return {}

    async def main() -> None:
        async with two(calling(hedge=SOON, cancel="all"), slow_then_fast, replicas=2) as (a, [slow, fast], client):
            assert await ask(client, a) == OK
            assert await until(lambda: (outcomes(slow), outcomes(fast)) == ({"cancelled": 1}, {"ok": 1}))

    asyncio.run(main())


def test_refusals_say_what_they_are() -> None:
    async def main() -> None:
        tight = Service("b", threads=1, queue=1)
        async with two(calling(), waiting(900), tight) as (_, [b], client):
            seen = await asyncio.gather(*(ask(client, b) for _ in range(3)))
            assert sorted(seen) == [OK, OK, (503, "overloaded", "b:overloaded")]
        async with two(calling(), waiting(0), Service("b", rate=0.001, burst=1)) as (a, [b], client):
            assert await ask(client, b) == OK
            assert await ask(client, b) == (429, "rate_limited", "b:rate_limited")
            assert await ask(client, a) == (502, "error", "b:rate_limited")
            a.replica.directory.believe("b", [])
            assert await ask(client, a) == (502, "error", "b:unavailable")

    asyncio.run(main())


def test_a_breaker_opens_and_a_rejection_is_no_failure() -> None:
    async def failing(request: Any, do: Flow) -> Any:
        await do.fail("fail", 1.0, 404 if request.quantity == 2 else 500)

    async def handle(request: Any, do: Flow) -> Any:
        return await do.call(step, {"quantity": request.quantity})

    step = call(breaker=Breaker(0.5, window=4, minimum_calls=2, open_for=3_600_000 * MS))

    async def main() -> None:
        async with two(handle, failing) as (a, [b], client):
            for _ in range(3):
                assert (await ask(client, a, json={"quantity": 2}))[1:] == ("error", "b:rejected")
            seen = [(await ask(client, a))[2] for _ in range(6)]
            assert seen[-1] == "b:circuit_open"
            assert [change[2:] for change in a.replica.stats.breaker_changes] == [("closed", "open")]
            assert (await ask(client, b, json={"quantity": 2}))[0] == 404

    asyncio.run(main())


def test_a_deadline_is_passed_on() -> None:
    async def main() -> None:
        async with two(calling(deadline=SOON), waiting(LONG)) as (a, [b], client):
            assert await ask(client, a) == (504, "error", "b:timeout")
            assert await until(lambda: outcomes(b) == {"timeout": 1})  # on its own: nobody told it

    asyncio.run(main())


def test_a_fallback_makes_the_answer_degraded() -> None:
    step = call(timeout=SOON)

    async def handle(request: Any, do: Flow) -> Any:
        async def cached() -> dict[str, str]:
            await do.work("work", ms(1))
            return {"sku": "yesterday's"}

        return await do.call(step, {}, fallback=cached)

    async def main() -> None:
        async with (two(handle, waiting(LATER)) as (a, _, client), client.post(a.url + "/go", json={}) as answer):
            assert (answer.status, answer.headers["x-msforge-outcome"]) == (200, "degraded")
            assert await answer.json() == {"sku": "yesterday's"}

    asyncio.run(main())


def test_a_crash_resets_what_is_under_way_and_another_replica_serves_on() -> None:
    async def handle(request: Any, do: Flow) -> Any:
        if do.replica.ordinal == 0:
            await do.wait("wait", ms(20))
            await do.fail("fail", 1.0, crash=True)
        return {}

    async def main() -> None:
        async with two(calling(retry=Retry(2, 10 * MS)), handle, replicas=2) as (a, [first, _], client):
            assert await ask(client, a) == OK
            edge = a.replica.stats.edges["b.go"]
            assert (edge.tries, edge.outcomes[11]) == (2, 1)
            assert outcomes(first) == {"reset": 1}
            assert not first.replica.ready

    asyncio.run(main())


def test_pause_and_cut() -> None:
    async def working(request: Any, do: Flow) -> Any:
        await do.work("work", ms(30))

    async def main() -> None:
        async with two(calling(timeout=2_000 * MS), working) as (a, [b], client):
            b.replica.faults.set({"id": "p", "kind": "pause"})
            asking = asyncio.create_task(ask(client, a))
            await asyncio.sleep(0.08)
            b.replica.faults.clear("p")
            assert await asking == OK
            a.replica.faults.set({"id": "c", "kind": "cut", "to": {"service": "b"}})
            assert await ask(client, a) == (504, "error", "b:timeout")
            a.replica.faults.clear()
            assert await ask(client, a) == OK
            assert outcomes(b) == {"ok": 2}

    asyncio.run(main())


BAD = [
    ({"data": b"x" * 2_000_000}, 413),
    ({"data": (b"x" * 100_000 for _ in range(20))}, 413),
    ({"data": b'{"sku": '}, 422),
    ({"json": {"quantity": "many"}}, 422),
    ({"json": [1, 2]}, 422),
    ({"data": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 422),
    ({"data": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400),
]


@pytest.mark.parametrize(("request_", "status"), BAD, ids=range(len(BAD)))
def test_bad_bodies_get_4xx_and_no_traceback(request_: dict[str, Any], status: int) -> None:
    if not isinstance(request_.get("data", b""), bytes):
        async def chunks() -> Any:
            for _ in range(20):
                yield b"x" * 100_000

        request_ = {"data": chunks()}

    async def main() -> None:
        async with two(calling(), waiting(0)) as (_, [b], client):
            async with client.post(b.url + "/go", **request_) as answer:
                assert answer.status in ([413] if status == 413 else [400, 422]), await answer.text()
                assert "Traceback" not in await answer.text()
            assert await ask(client, b) == OK

    asyncio.run(main())


@pytest.mark.parametrize("framing", [b"content-length: 3000000", b"transfer-encoding: chunked"])
def test_who_sends_slowly_still_reads_that_it_is_too_large(framing: bytes) -> None:
    async def main() -> None:
        async with two(calling(), waiting(0)) as (_, [b], _client):
            host, port = b.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /go HTTP/1.1\r\nhost: b\r\n" + framing + b"\r\n\r\n")
            for _ in range(30):
                piece = b"x" * 100_000
                writer.write(piece if b"length" in framing else b"186a0\r\n" + piece + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.005)
            if b"chunked" in framing:
                writer.write(b"0\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 120)
            assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
            writer.close()

    asyncio.run(main())


def test_a_body_without_end_is_not_read_for_ever() -> None:
    async def main() -> None:
        async with two(calling(), waiting(0)) as (_, [b], _client):
            host, port = b.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /go HTTP/1.1\r\nhost: b\r\ncontent-length: 9000000000\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 120)
            assert answer.startswith(b"HTTP/1.1 413 ")
            writer.close()

    asyncio.run(main())


def test_strange_headers_are_a_strangers() -> None:
    odd = {"x-msforge-draw": "zz--1", "x-msforge-timeout": "-5", "x-msforge-cancel": "soon", "traceparent": "nonsense",
           "x-msforge-priority": "9" * 50}

    async def main() -> None:
        async with two(calling(), waiting(1)) as (_, [b], client):
            assert await ask(client, b, headers=odd) == OK
            assert await ask(client, b) == OK
            assert b.replica.strangers == 2

    asyncio.run(main())


def test_a_mistake_in_a_handler_is_a_500_that_says_nothing() -> None:
    async def mistaken(request: Any, do: Flow) -> Any:
        raise RuntimeError("the password is 1234")

    async def rejecting(request: Any, do: Flow) -> Any:
        raise Rejected("no such tea", 404)

    async def main() -> None:
        async with two(calling(), mistaken) as (a, [b], client):
            async with client.post(b.url + "/go", json={}) as answer:
                assert (answer.status, answer.headers["x-msforge-outcome"]) == (500, "error")
                assert "1234" not in await answer.text()
            assert await ask(client, a) == (502, "error", "b:error")
        async with (two(calling(), rejecting) as (_, [b], client), client.post(b.url + "/go", json={}) as answer):
            assert (answer.status, (await answer.json())["detail"]) == (404, "no such tea")

    asyncio.run(main())


def test_the_switches_over_http() -> None:
    async def main() -> None:
        async with two(calling(), waiting(1)) as (a, [b], client):
            async def send(method: str, path: str, body: Any = None, to: Running = b) -> tuple[int, Any]:
                data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
                async with client.request(method, to.url + path, data=data) as answer:
                    text = await answer.text()
                    return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

            assert (await send("GET", "/readyz"))[0] == (await send("GET", "/livez"))[0] == 200
            spec = {"id": "f", "kind": "fail", "rate": 1.0, "status": 503, "endpoint": "go"}
            assert await send("PUT", "/_msforge/faults", spec) == (200, {"faults": [spec]})
            assert await ask(client, b) == (503, "error", "b:error")
            assert (await send("GET", "/_msforge/faults"))[1] == {"faults": [spec]}
            assert (await send("DELETE", "/_msforge/faults/f"))[1] == {"faults": []}
            assert (await send("DELETE", "/_msforge/faults/f"))[0] == 404
            for bad in ({}, {"id": "x", "kind": "burn"}, {"id": "x", "kind": "slow", "by": "ten"}, [1], {"id": "x"},
                        {"id": "x", "kind": "delay", "to": {"service": "b"}}, {"id": "x", "kind": "cut"},
                        {"id": "x", "kind": "slow", "add": {"kind": "exponential", "params": [-1]}}):
                status, said = await send("PUT", "/_msforge/faults", bad)
                assert (status, "detail" in said) == (422, True), bad
            assert (await send("PUT", "/_msforge/faults", b"{"))[0] == 400
            assert (await send("GET", "/_msforge/secrets"))[0] == 404
            assert (await send("PUT", "/_msforge/replicas", {"b": []}, a))[0] == 200
            assert (await ask(client, a))[2] == "b:unavailable"
            assert (await send("GET", "/_msforge/state"))[1]["outcomes"]["go"] == {"error": 1}
            assert 'service_requests_total{endpoint="go",outcome="error"} 1.0' in (await send("GET", "/metrics"))[1]
            b.replica.ready = False
            assert (await send("GET", "/readyz"))[0] == 503

    asyncio.run(main())


def test_the_switches_are_for_this_machine_only() -> None:
    from msforge.runtime.admin import Admin

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    for client in (("192.0.2.7", 40000), ("::ffff:192.0.2.7", 1), ("testclient", 1), None):
        scope = {"type": "http", "path": "/_msforge/faults", "method": "GET", "client": client, "headers": []}
        asyncio.run(Admin(Replica(Service("b")))(scope, receive, send))
    assert [m["status"] for m in sent if "status" in m] == [403] * 4


def test_tries_of_one_call_share_a_key_and_a_trace() -> None:
    seen: list[dict[str, str]] = []

    async def failing(request: Any, do: Flow) -> Any:
        await do.fail("fail", 1.0)

    async def main() -> None:
        async with two(calling(retry=Retry(3)), failing) as (a, _, client):
            exchange = a.replica.transport.send

            async def spy(sent: Any, at: Any, headers: dict[str, str]) -> Any:
                seen.append(dict(headers))
                return await exchange(sent, at, headers)

            a.replica.transport.send = spy  # type: ignore[method-assign]
            parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
            await ask(client, a, headers={"traceparent": parent, "x-msforge-root": "shoppers:5"})

    asyncio.run(main())
    assert len(seen) == 3
    assert len({h["idempotency-key"] for h in seen}) == 1
    assert len({h["x-msforge-draw"] for h in seen}) == 3
    assert {h["traceparent"][3:35] for h in seen} == {"ab" * 16}
    assert {h["x-msforge-root"] for h in seen} == {"shoppers:5"}


def test_two_replicas_share_nothing() -> None:
    async def main() -> None:
        async with two(calling(), waiting(1), replicas=2) as (_, [one, other], client):
            one.replica.faults.set({"id": "f", "kind": "fail", "rate": 1.0})
            assert (await ask(client, one))[1] == "error"
            assert await ask(client, other) == OK
            assert (outcomes(one), outcomes(other)) == ({"error": 1}, {"ok": 1})
            assert one.replica.registry is not other.replica.registry

    asyncio.run(main())


def test_the_outcome_log_has_a_row_for_each(tmp_path: Any) -> None:
    async def main() -> None:
        file = tmp_path / "out" / "a.jsonl"
        async with two(calling(timeout=SOON), waiting(LATER), outcomes=file) as (a, _, client):
            await ask(client, a, headers={"x-msforge-draw": "ff-7-0"})
        start, row = [json.loads(line) for line in file.read_text().splitlines()]
        assert list(start) == ["began"]
        assert (row["body"], row["number"], row["outcome"], row["cause"], row["wait"]) == ("go", 7, 2, "b:timeout", 0)
        assert SOON - MS <= row["end"] - row["arrive"] < LATER * MS

    asyncio.run(main())
