"""Where the replicas of called services are: as the environment says, by DNS, by Consul's API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from msforge.runtime import discovery
from msforge.runtime.balancer import Balancer
from msforge.runtime.directory import Directory
from msforge.runtime.discovery import Discovery, plain
from msforge.runtime.plan import Service
from msforge.runtime.replica import Replica
from tests.runtime.core.consul import Consul


def replica(services: dict[str, list[str]], **options: str) -> Replica:
    made = Replica(Service("order"), directory=Directory({"payment": Balancer()}), log=lambda line: None)
    made.discovery = Discovery(made, services, **options)
    return made


def urls(of: Replica) -> list[str]:
    return list(of.directory.of("payment").urls)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def run(test: Callable[[Consul, str], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        consul = Consul()
        try:
            await test(consul, await consul.start())
        finally:
            await consul.stop()

    asyncio.run(main())


def test_plain_urls_need_no_looking_up() -> None:
    given = ["http://10.0.0.1:8000", "dns://payment:8000", "consul://payment"]
    assert plain(given) == given[:1]

    async def main() -> None:
        caller = replica({"payment": given[:1]})
        assert caller.discovery is not None
        await caller.discovery.start()
        assert not caller.discovery._tasks and caller.discovery._session is None

    asyncio.run(main())


def test_a_name_is_looked_up_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [["10.0.0.2", "10.0.0.1"], OSError("no such host"), ["10.0.0.3", "fd00::1"]]

    async def main() -> None:
        async def looked_up(host: str, port: int, *, type: int) -> list[Any]:
            assert (host, port, type) == ("payment", 8000, socket.SOCK_STREAM)
            answer = answers[0] if len(answers) == 1 else answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return [(0, 0, 0, "", (address, port)) for address in answer]

        monkeypatch.setattr(discovery, "EVERY", 0.05)
        monkeypatch.setattr(discovery, "PAUSE", 0.05)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
        caller = replica({"payment": ["dns://payment:8000", "http://127.0.0.1:9"]})
        await caller.start()
        seen = [urls(caller)]
        await until(lambda: urls(caller) != seen[0])
        assert seen == [["http://10.0.0.1:8000", "http://10.0.0.2:8000", "http://127.0.0.1:9"]]
        assert urls(caller) == ["http://10.0.0.3:8000", "http://[fd00::1]:8000", "http://127.0.0.1:9"]
        await caller.stop()

    asyncio.run(main())


def test_localhost_really_resolves() -> None:
    found = asyncio.run(discovery.addresses("dns://localhost:8000"))
    assert "http://127.0.0.1:8000" in found or "http://[::1]:8000" in found


def test_consul_says_which_instances_pass_and_when_that_changes() -> None:
    async def test(consul: Consul, address: str) -> None:
        await consul.put("p1", "payment", "10.0.0.1", 8000)
        await consul.put("p2", "payment", "", 8001)
        await consul.put("u1", "user", "10.0.0.7", 8000)
        caller = replica({"payment": ["consul://payment"]}, consul=address)
        await caller.start()
        assert urls(caller) == ["http://10.0.0.1:8000", "http://127.0.0.9:8001"], "an empty address is the node's"
        consul.critical.add("p1")
        await consul.change()
        await until(lambda: urls(caller) == ["http://127.0.0.9:8001"])
        await consul.put("p3", "payment", "10.0.0.3", 8000)
        await until(lambda: urls(caller) == ["http://10.0.0.3:8000", "http://127.0.0.9:8001"])
        assert all(asked["passing"] == "true" for asked in consul.asked)
        assert [asked.get("index") for asked in consul.asked][:2] == [None, "13"]
        assert len(consul.asked) < 8, "a question stays open until its answer changes"
        await caller.stop()

    run(test)


def test_what_consul_said_last_holds_while_it_does_not_answer() -> None:
    async def test(consul: Consul, address: str) -> None:
        await consul.put("p1", "payment", "10.0.0.1", 8000)
        caller = replica({"payment": ["consul://payment"]}, consul=address)
        lines: list[dict[str, Any]] = []
        caller.log.sink = lambda line: lines.append(json.loads(line))
        await caller.start()
        consul.failing = True
        await consul.change()
        await until(lambda: any(line["message"] == "discovery failed" for line in lines))
        assert urls(caller) == ["http://10.0.0.1:8000"]
        consul.failing = False
        await consul.put("p2", "payment", "10.0.0.2", 8000)
        await until(lambda: len(urls(caller)) == 2)
        await caller.stop()

    run(test)


def test_an_index_that_goes_backwards_is_forgotten() -> None:
    async def test(consul: Consul, address: str) -> None:
        caller = replica({"payment": ["consul://payment"]}, consul=address)
        await caller.start()
        await until(lambda: len(consul.asked) == 2)
        consul.index = 1  # as after a restored snapshot
        await consul.stop_waiting()
        await until(lambda: len(consul.asked) >= 3)
        assert [asked.get("index") for asked in consul.asked[:3]] == [None, "10", None]
        await caller.stop()

    run(test)


def test_a_replica_registers_and_leaves() -> None:
    async def test(consul: Consul, address: str) -> None:
        one = replica({}, consul=address, advertised="http://10.0.0.5:8000")
        await one.start()
        await until(lambda: bool(consul.services))
        [found] = consul.services.values()
        assert (found["Service"], found["Address"], found["Port"]) == ("order", "10.0.0.5", 8000)
        assert found["Check"]["HTTP"] == "http://10.0.0.5:8000/readyz"
        await one.stop()
        assert not consul.services

    run(test)
