"""A store's station and a cache's contents against the simulator: the same ends at the same nanoseconds."""

from __future__ import annotations

import random
import textwrap
from typing import Any

import pytest

from msforge import sim
from msforge.model import compile_system
from msforge.runtime.cache_contents import AGAIN, CacheContents
from msforge.runtime.station import RESET, TIMEOUT, UNAVAILABLE, Station, Visit
from msforge.sim.storage import StoreRun
from msforge.sim.storage import Visit as SimVisit
from msforge.spec import load_text

Row = tuple[int, str, tuple[Any, ...]]


def watched(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Row], list[tuple[int, int, int]]]:
    """What came to the store `db` in a simulation, and how and when each operation ended."""
    rows: list[Row] = []
    ends: list[tuple[int, int, int]] = []
    numbers: dict[SimVisit, int] = {}
    visit, abandon, pause, unpause, crash = (
        StoreRun.visit, SimVisit.abandon, StoreRun.pause, StoreRun.unpause, StoreRun.crash)

    def told(store: StoreRun, one: SimVisit, name: str) -> None:
        original = getattr(one, name)

        def tell(v: SimVisit, frame: Any, outcome: int = 0) -> None:
            ends.append((numbers[v], store.engine.env.now, outcome))
            original(v, frame, outcome) if name == "failed" else original(v, frame)

        setattr(one, name, tell)

    def noted_visit(store: StoreRun, one: SimVisit, timeout: int) -> None:
        number = numbers[one] = len(numbers)
        told(store, one, "then")
        told(store, one, "failed")
        place = len(rows)
        rows.append((store.engine.env.now, "visit", (number, one.duration, timeout)))
        visit(store, one, timeout)
        rows[place] = (store.engine.env.now, "visit", (number, one.duration, timeout))

    def noted(name: str, act: Any) -> Any:
        def call(store: StoreRun) -> None:
            rows.append((store.engine.env.now, name, ()))
            act(store)

        return call

    def noted_abandon(one: SimVisit, cancel: bool) -> None:
        rows.append((one.store.engine.env.now, "abandon", (numbers[one],)))
        abandon(one, cancel)

    monkeypatch.setattr(StoreRun, "visit", noted_visit)
    monkeypatch.setattr(SimVisit, "abandon", noted_abandon)
    monkeypatch.setattr(StoreRun, "pause", noted("pause", pause))
    monkeypatch.setattr(StoreRun, "unpause", noted("unpause", unpause))
    monkeypatch.setattr(StoreRun, "crash", noted("crash", crash))
    sim.run(compile_system(load_text("msforge: 1\nname: script\n" + textwrap.dedent(text).strip() + "\n")))
    return rows, ends


def played(rows: list[Row], connections: int, restores: list[int]) -> list[tuple[int, int, int]]:
    """The same on the machine."""
    ends: list[tuple[int, int, int]] = []
    visits: dict[int, Visit] = {}
    now = 0
    station = Station(connections, lambda number, outcome: ends.append((number, now, outcome)))
    rows = sorted([*rows, *((at, "restore", ()) for at in restores)], key=lambda row: row[0])

    def until(then: int) -> None:
        nonlocal now
        while 0 <= station.due() < then:
            now = station.due()
            station.wake(now)
        now = then

    for at, what, values in rows:
        until(at)
        if what == "visit":
            visits[values[0]] = station.visit(at, *values)
        elif what == "abandon":
            station.abandon(at, visits[values[0]])
        else:
            getattr(station, what)(at)
    until(1 << 62)
    assert station.arrived == station.finished
    return ends


@pytest.mark.parametrize("seed", range(40))
def test_station_does_as_the_simulator(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    die = random.Random(seed)
    connections = die.choice([1, 2, 3, 5])
    timeout = die.choice(["", ", timeout: 61ms", ", timeout: 33ms"])
    at = sorted(die.randint(0, 400_000_000) for _ in range(40))
    faults = []
    restores = []
    for _ in range(die.randint(0, 3)):
        begin, length = die.randint(0, 400_000_000), die.randint(1, 90_000_000)
        kind = die.choice(["pause: db", "slow: db, by: 3x", "zone: west", "crash: a"])
        faults.append(f"{{{kind}, at: {begin}ns, for: {length}ns}}")
        if "zone" in kind:
            restores.append(begin + length)
    rows, ends = watched(f"""
    services:
      a: {{threads: unlimited, zones: [east], endpoints: {{go: {{steps: [{{read: db{timeout}}}]}}}}}}
    stores: {{db: {{owner: a, zone: west, connections: {connections}, read: exponential(20ms)}}}}
    traffic: {{t: {{target: a.go, at: [{", ".join(f"{t}ns" for t in at)}]}}}}
    faults: [{", ".join(faults)}]
    """ if faults else f"""
    services: {{a: {{threads: unlimited, endpoints: {{go: {{steps: [{{read: db{timeout}}}]}}}}}}}}
    stores: {{db: {{owner: a, connections: {connections}, read: exponential(20ms)}}}}
    traffic: {{t: {{target: a.go, at: [{", ".join(f"{t}ns" for t in at)}]}}}}
    """, monkeypatch)
    assert rows
    assert sorted(played(rows, connections, restores)) == sorted(ends)


def test_operation_done_at_its_timeout_is_done() -> None:
    ends: list[tuple[str, int]] = []
    station = Station(1, lambda subject, outcome: ends.append((subject, outcome)))
    station.visit(0, "first", 10, 10)
    station.visit(0, "second", 10, 10)
    station.wake(10)
    assert ends == [("first", 0), ("second", TIMEOUT)] or ends == [("second", TIMEOUT), ("first", 0)]


def test_late_wake_delays_nobody_behind() -> None:
    ends: list[tuple[str, int]] = []
    station = Station(1, lambda subject, outcome: ends.append((subject, outcome)))
    station.visit(0, "first", 10)
    station.visit(0, "second", 10)
    station.wake(14)
    assert station.due() == 20


def test_station_that_is_down_refuses_at_once() -> None:
    ends: list[tuple[str, int]] = []
    station = Station(-1, lambda subject, outcome: ends.append((subject, outcome)))
    station.visit(0, "lost", 10)
    station.crash(5)
    station.visit(6, "refused", 10)
    station.restore(7)
    station.visit(7, "served", 10)
    station.wake(17)
    assert ends == [("lost", RESET), ("refused", UNAVAILABLE), ("served", 0)]


def test_cache_holds_until_ttl_and_lets_the_least_recently_used_go() -> None:
    cache = CacheContents()
    assert not cache.lookup(0, "db:1")
    cache.fill(0, "db:1", 25, 2)
    assert cache.lookup(24, "db:1")
    assert not cache.lookup(25, "db:1")
    cache.fill(30, "db:1", -1, 2)
    cache.fill(30, "db:2", -1, 2)
    assert cache.lookup(31, "db:1")
    cache.fill(32, "db:3", -1, 2)
    assert [cache.lookup(33, f"db:{k}") for k in (1, 2, 3)] == [True, False, True]
    assert (cache.hits, cache.misses) == (4, 3)


def test_flight_lands_for_all_that_wait() -> None:
    cache = CacheContents()
    told: list[int] = []
    assert not cache.join("db:1", told.append)
    assert cache.join("db:1", told.append)
    assert cache.join("db:1", told.append)
    cache.land("db:1", 0)
    assert told == [0, 0]
    assert not cache.join("db:1", told.append)
    assert cache.join("db:1", told.append)
    cache.land("db:1", AGAIN)
    assert told == [0, 0, AGAIN]
    assert cache.shared == 3


def test_crash_empties_a_cache_and_fails_those_that_wait() -> None:
    cache = CacheContents()
    told: list[int] = []
    cache.fill(0, "db:1", -1, -1)
    cache.join("db:2", told.append)
    cache.join("db:2", told.append)
    cache.clear()
    assert told == [RESET]
    assert not cache.lookup(1, "db:1")
