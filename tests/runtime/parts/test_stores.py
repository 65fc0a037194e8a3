"""Reads, writes and caches of a replica: the simulator's times, and the rows they leave."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from replicas import entry_key, replica_of, request
from script import compiled

from msforge import sim
from msforge.live.parts import embedded_parts
from msforge.policies.distributions import Dist
from msforge.runtime.embedded import EmbeddedParts
from msforge.runtime.failures import ERROR
from msforge.runtime.flow import Flow
from msforge.runtime.plan import Cache, Store
from msforge.scaffold.plans import stores_of
from tests.virtual_time import MS, VirtualLoop


def simulated(text: str) -> list[tuple[int, int, int]]:
    """(number, end ns, outcome) of each request in the simulator."""
    roots = sim.run(compiled(text)).roots
    rows = zip(roots["number"], roots["end"], roots["outcome"], strict=True)
    return sorted((int(n), int(end), int(outcome)) for n, end, outcome in rows)


def running(text: str, cache: dict[str, Any] | None, timeout: int, faults: list[dict[str, Any]], at: list[int]) -> Any:
    """The same on a replica."""
    system = compiled(text)
    loop = VirtualLoop()
    parts = embedded_parts(system, loop.clock())
    stores = {store.name: store for store in stores_of(system)}
    replica = replica_of(loop, parts)
    step = system.steps[system.sources[0].journey[0]]
    key = entry_key(system.run.seed, system.sources[0].name, step.word)
    ended: list[tuple[int, int, int]] = []

    async def one(number: int, when: int) -> None:
        await parts.clock.sleep(when - parts.clock.now())
        through = Cache(stores["cache"], **cache) if cache is not None else None

        async def act(do: Any) -> None:
            await do.read("read db#0", stores["db"], timeout=timeout, cache=through)
            await do.write("write db#0", stores["db"])

        flow = await request(replica, number, act, key=key)
        ended.append((number, parts.clock.now(), flow.outcome))

    async def main() -> None:
        await replica.start()
        for fault in faults:
            replica.faults.set(fault)
        await asyncio.gather(*(one(number, when) for number, when in enumerate(at)))
        rows = replica.stores.database.connection.execute("SELECT count(*) FROM msforge_writes").fetchone()[0]
        assert rows == sum(outcome == 0 for _, _, outcome in ended)
        await replica.stop()

    loop.play(main())
    return sorted(ended), parts


def description(seed: int) -> tuple[str, dict[str, Any] | None, int, list[dict[str, Any]], list[int]]:
    """A random system of one service, a store and a cache, and the same for a replica."""
    die = random.Random(seed)
    at = sorted(die.randint(0, 300 * MS) for _ in range(40))
    kind = die.choice(["none", "hit", "keys", "flight"])
    timeout = die.choice([-1, 47 * MS]) if kind == "none" else -1
    cache: dict[str, Any] | None = None
    said = ""
    if kind == "hit":
        cache, said = {"hit": 0.6}, ", cache: {store: cache, hit: 60%}"
    elif kind != "none":
        flight = kind == "flight"
        ttl, capacity = die.choice([-1, 55 * MS]), die.choice([-1, 2])
        cache = {"keys": Dist("zipf", (5.0, 0.9)), "ttl": ttl, "capacity": capacity, "single_flight": flight}
        said = ", cache: {store: cache, keys: zipf(n=5 s=0.9)"
        said += f", ttl: {ttl}ns" * (ttl >= 0) + f", capacity: {capacity}" * (capacity >= 0)
        said += ", single_flight: true" * flight + "}"
    faults: list[dict[str, Any]] = []
    lines = []
    if die.random() < 0.4:
        faults.append({"id": "s", "word": "s", "kind": "slow", "store": "db", "by": 3.0})
        lines.append("{id: s, slow: db, by: 3x, at: 0s}")
    if die.random() < 0.4:
        faults.append({"id": "f", "word": "f", "kind": "fail", "store": "db", "rate": 0.3})
        lines.append("{id: f, fail: db, rate: 30%, at: 0s}")
    if kind == "none" and die.random() < 0.5:
        dist = {"kind": "exponential", "params": [5 * MS]}
        faults.append({"id": "d", "word": "d", "kind": "delay", "add": dist, "to": {"store": "db"}})
        lines.append("{id: d, delay: a -> db, add: exponential(5ms), at: 0s}")
    if timeout >= 0:
        faults.append({"id": "l", "word": "l", "kind": "drop", "rate": 0.2, "to": {"store": "db"}})
        lines.append("{id: l, drop: a -> db, rate: 20%, at: 0s}")
        said += f", timeout: {timeout}ns"
    write = "write: db"
    text = f"""
    network: {{latency: 0ms}}
    services: {{a: {{threads: unlimited, endpoints: {{go: {{steps: [{{read: db{said}}}, {{{write}}}]}}}}}}}}
    stores:
      db: {{owner: a, connections: {die.choice([1, 2, 9])}, read: exponential(9ms), write: uniform(1ms 4ms)}}
      {"cache: {kind: redis, owner: a, connections: 2, read: exponential(1ms)}" if cache is not None else ""}
    traffic: {{t: {{target: a.go, at: [{", ".join(f"{t}ns" for t in at)}]}}}}
    faults: [{", ".join(lines)}]
    """
    return text if lines else text[: text.index("faults:")], cache, timeout, faults, at


@pytest.mark.parametrize("seed", range(40))
def test_reads_and_writes_take_as_long_as_in_the_simulator(seed: int) -> None:
    text, cache, timeout, faults, at = description(seed)
    found, _ = running(text, cache, timeout, faults, at)
    assert found == simulated(text)


DB = Store("db", "sqlite", 9, Dist("constant", (5.0 * MS,)), Dist("constant", (8.0 * MS,)))
CACHE = Store("cache", "redis", -1, Dist("constant", (1.0 * MS,)))


def played(act: Any, *, cache: Cache | None = None, fault: dict[str, Any] | None = None, timeout: int = -1) -> Any:
    """(outcome, cause, ms) of one read, with `act(parts, replica)` under way beside it."""
    loop = VirtualLoop()
    parts = EmbeddedParts([], [DB, CACHE], loop.clock())
    replica = replica_of(loop, parts)

    async def main() -> Any:
        await replica.start()
        if fault is not None:
            replica.faults.set(fault)
        beside = asyncio.ensure_future(act(parts, replica))
        flow = await request(replica, 0, lambda do: do.read("read db#0", DB, timeout=timeout, cache=cache))
        took = parts.clock.now() / MS
        await beside
        return flow.outcome, flow.cause, took, parts

    return loop.play(main())


async def nothing(parts: EmbeddedParts, replica: Any) -> None:
    """Nothing beside it."""


def test_cut_store_is_waited_for_until_the_timeout() -> None:
    cut = {"id": "c", "kind": "cut", "to": {"store": "db"}}
    outcome, cause, took, parts = played(nothing, fault=cut, timeout=30 * MS)
    assert (outcome, cause, took) == (ERROR, "a:timeout", 30)
    assert parts.store_stats("db")["timeouts"] == 1


def test_paused_and_crashed_stores() -> None:
    async def pause(parts: EmbeddedParts, replica: Any) -> None:
        await parts.clock.sleep(2 * MS)
        parts.fault({"id": "p", "kind": "pause", "store": "db"})
        await parts.clock.sleep(100 * MS)
        parts.clear("p")

    async def crash(parts: EmbeddedParts, replica: Any) -> None:
        await parts.clock.sleep(2 * MS)
        parts.fault({"id": "p", "kind": "crash", "store": "db"})
        later = await request(replica, 1, lambda do: do.read("read db#0", DB))
        assert later.cause == "a:unavailable"

    assert played(pause)[:3] == (0, "", 105)
    assert played(crash)[:3] == (ERROR, "a:reset", 2)


def test_timeout_of_a_cached_read_bounds_cache_and_store() -> None:
    cache = Cache(CACHE, keys=Dist("constant", (7.0,)), single_flight=True)
    outcome, cause, took, parts = played(nothing, cache=cache, timeout=4 * MS)
    assert (outcome, cause, took) == (ERROR, "a:timeout", 4)
    assert parts.store_stats("db")["timeouts"] == 1
    assert not parts.caches["cache"].flights


def test_those_that_wait_for_a_read_that_is_stopped_look_up_anew() -> None:
    cache = Cache(CACHE, keys=Dist("constant", (7.0,)), single_flight=True)
    loop = VirtualLoop()
    parts = EmbeddedParts([], [DB, CACHE], loop.clock())
    replica = replica_of(loop, parts)

    async def main() -> None:
        await replica.start()
        flows: list[Flow] = []

        async def read(number: int) -> None:
            async def act(do: Flow) -> None:
                flows.append(do)
                await do.read("read db#0", DB, cache=cache)

            await request(replica, number, act)

        first = asyncio.ensure_future(read(0))
        second = asyncio.ensure_future(read(1))
        await parts.clock.sleep(3 * MS)
        flows[0].stop(4)
        await asyncio.gather(first, second)
        # looked up until 1, waited until 3, looked up until 4, read until 9
        assert (flows[1].outcome, parts.clock.now() / MS) == (0, 9)

    loop.play(main())


def test_cache_that_is_down_is_done_without() -> None:
    cache = Cache(CACHE, hit=1.0)
    loop = VirtualLoop()
    parts = EmbeddedParts([], [DB, CACHE], loop.clock())
    replica = replica_of(loop, parts)

    async def main() -> None:
        await replica.start()
        parts.fault({"id": "p", "kind": "crash", "store": "cache"})
        flow = await request(replica, 0, lambda do: do.read("read db#0", DB, cache=cache))
        assert (flow.outcome, parts.clock.now() / MS) == (0, 5)

    loop.play(main())


def test_rows_of_writes_outlive_the_replica(tmp_path: Path) -> None:
    for _ in range(2):
        loop = VirtualLoop()
        parts = EmbeddedParts([], [DB], loop.clock())
        replica = replica_of(loop, parts, data=tmp_path)

        async def main(replica: Any = replica) -> int:
            await replica.start()
            await request(replica, 0, lambda do: do.write("write db#0", DB))
            rows = replica.stores.database.connection.execute("SELECT store, step FROM msforge_writes").fetchall()
            replica.crash()
            assert set(rows) == {("db", "write db#0")}
            return len(rows)

        last = loop.play(main())
    assert last == 2
