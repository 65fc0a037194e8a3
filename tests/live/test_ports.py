"""Ports: the same ones while a system grows, and names for those that are taken."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest

from msforge.errors import ConflictError, UsageError
from msforge.live import doors
from msforge.live.ports import bind_all, owner_of
from msforge.model import compile_system
from msforge.scaffold.ports import plan
from msforge.spec import load_text


def test_each_service_has_a_block_that_a_replica_more_does_not_move() -> None:
    small = plan({"a": 1, "b": 3, "c": 0}, 8000)
    assert [(p.front, p.replicas) for p in small] == [(8000, (8001,)), (8010, (8011, 8012, 8013)), (8020, ())]
    assert plan({"a": 9, "b": 3, "c": 0}, 8000)[1:] == small[1:]
    assert [p.front for p in plan({"a": 10, "b": 1}, 8000)] == [8000, 8020]
    assert {port for p in plan({"a": 2, "b": 1}, 0) for port in (p.front, *p.replicas)} == {0}


def test_too_many_services_for_the_ports_there_are() -> None:
    with pytest.raises(UsageError, match="65535") as caught:
        plan({f"s{i}": 1 for i in range(100)}, 65_000)
    assert "--port-base 0" in caught.value.hint


def test_taken_ports_are_named_with_who_wanted_and_who_has_them() -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(ConflictError, match=f"1 port is taken: {port}, wanted by order") as caught:
            bind_all([("order", port), ("payment", other)])
        assert "--port-base" in caught.value.hint
        if sys.platform == "linux":
            assert f"(pid {os.getpid()})" in caught.value.message and f"(pid {os.getpid()})" in owner_of(port)
    for sock in bind_all([("order", port), ("payment", other)]):  # nothing was left bound
        sock.close()


def test_services_that_speak_grpc_have_ports_for_it() -> None:
    one, two, three = plan({"a": 1, "b": 7, "c": 2}, 8000, rpc=("a", "b"))
    assert (one.front, one.replicas, one.rpc_front, one.rpc_replicas) == (8000, (8001,), 8002, (8003,))
    assert (two.front, two.rpc_front, two.rpc_replicas[-1]) == (8010, 8018, 8025)
    assert (three.front, three.rpc_front, three.rpc_replicas) == (8030, 0, ())


def test_without_the_packages_no_port_is_opened_for_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "msforge: 1\nservices: {a: {endpoints: {go: {grpc: p.S/M}}}}\ntraffic: {t: {target: a.go, rate: 1/s}}\n"
    system = compile_system(load_text(text + "simulation: {duration: 1s}\n"))
    for there in (True, False):
        monkeypatch.setattr(doors, "speaks_grpc", lambda there=there: there)
        opened = doors.open_doors(system, 0)
        assert bool(opened.rpc_front) is there and len(opened.sockets) == (4 if there else 2)
        assert len(opened.addresses) == (2 if there else 0)
        asyncio.run(opened.close())


def test_grpc_without_protobuf_is_no_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> object:
        if name.startswith("google"):
            raise ModuleNotFoundError(name)  # as importlib does when there is no package `google` at all
        return object()

    monkeypatch.setattr(doors.importlib.util, "find_spec", find)
    assert doors.speaks_grpc() is False
