"""Stores, and caches in front of them."""

from __future__ import annotations

from rig import Seen, simulate


def store(
    steps: str, at: str = "[0]", options: str = "connections: 2, read: 5ms, write: 8ms", more: str = "", cache: str = ""
) -> Seen:
    """One service with unlimited threads, one store, perhaps a cache that takes 1 ms."""
    return simulate(f"""
services: {{a: {{threads: unlimited, endpoints: {{go: {{steps: [{steps}]}}}}}}}}
stores:
  db: {{owner: a, {options}}}
{"  cache: {kind: redis, owner: a, connections: unlimited, read: 1ms" + cache + "}" if cache is not None else ""}
traffic: {{t: {{target: a.go, at: {at}}}}}
{more}
""")


def test_connections_serve_at_once_and_more_wait() -> None:
    seen = store("read: db", "[0, 0, 0, 1ms]")
    assert seen.ends() == [5, 5, 10, 10]
    assert seen.store("db") == {"arrived": 4, "finished": 4}


def test_thread_is_held_while_the_store_answers() -> None:
    seen = simulate("""
    services: {a: {threads: 1, endpoints: {go: {steps: [read: db]}}}}
    stores: {db: {owner: a, connections: 9, read: 5ms}}
    traffic: {t: {target: a.go, at: [0, 0, 0]}}
    """)
    assert seen.ends() == [5, 10, 15]


def test_read_and_write_take_their_own_times() -> None:
    assert store("{read: db}, {write: db}").latencies() == [13]


def test_read_and_write_draw_anew() -> None:
    seen = store("{read: db}, {read: db}, {write: db}", "[0]",
                 "connections: unlimited, read: exponential(5ms), write: exponential(5ms)")
    other = store("{read: db}, {read: db}", "[0]",
                  "connections: unlimited, read: exponential(5ms), write: exponential(5ms)")
    assert seen.latencies()[0] > other.latencies()[0]
    single = store("{read: db}", "[0]", "connections: unlimited, read: exponential(5ms), write: exponential(5ms)")
    assert other.latencies()[0] != 2 * single.latencies()[0]


def test_store_timeout_ends_the_wait_and_the_step() -> None:
    seen = store("{read: db, timeout: 7ms}", "[0, 0, 0]", "connections: 1, read: 5ms")
    assert seen.outcomes() == ["ok", "error", "error"]
    assert seen.ends() == [5, 7, 7]
    assert seen.store("db")["timeouts"] == 2


def test_operation_under_way_runs_to_its_end_though_nobody_waits() -> None:
    # The second read begins at 5 and is given up at 7: it keeps its connection until 10.
    seen = store("{read: db, timeout: 7ms}", "[0, 0, 6ms]", "connections: 1, read: 5ms")
    assert seen.ends()[1] == 7
    assert seen.outcomes()[2] == "error"
    assert seen.ends()[2] == 13


def test_slow_store_slows_its_operations() -> None:
    assert store("read: db", more="faults: [{slow: db, by: 4x, at: 0s}]").latencies() == [20]
    assert store("read: db", more="faults: [{slow: db, add: 4ms, at: 0s}]").latencies() == [9]


def test_failing_store_fails_the_step_after_its_time() -> None:
    seen = store("read: db", more="faults: [{fail: db, at: 0s}]")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [5])


def test_paused_store_resumes_where_it_was() -> None:
    seen = store("read: db", "[0, 50ms]", more="faults: [{pause: db, at: 2ms, for: 100ms}]")
    assert seen.ends() == [105, 107]


def test_cut_store_is_waited_for_until_the_timeout() -> None:
    seen = store("{read: db, timeout: 30ms}", "[10ms]", more="faults: [{cut: a -> db, at: 0s, for: 1s}]")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [30])


# --- caches ----------------------------------------------------------------------------------

def test_hit_costs_the_cache_alone_and_a_miss_costs_both() -> None:
    assert store("{read: db, cache: {store: cache, hit: 100%}}").latencies() == [1]
    assert store("{read: db, cache: {store: cache, hit: 0}}").latencies() == [6]


def test_hit_ratio_is_a_chance_for_each_read() -> None:
    at = "[" + ", ".join(f"{10 * k}ms" for k in range(600)) + "]"
    seen = store("{read: db, cache: {store: cache, hit: 80%}}", at)
    hits = seen.latencies().count(1)
    assert 440 < hits < 520
    assert seen.store("cache")["hits"] == hits
    assert seen.store("cache")["misses"] == 600 - hits
    assert seen.store("db")["arrived"] == 600 - hits


def test_keys_make_the_first_read_of_each_a_miss() -> None:
    at = "[" + ", ".join(f"{10 * k}ms" for k in range(50)) + "]"
    seen = store("{read: db, cache: {store: cache, keys: zipf(n=3 s=0.1)}}", at)
    assert seen.store("cache") == {"arrived": 50, "finished": 50, "hits": 47, "misses": 3}


def test_capacity_lets_the_least_recently_used_go() -> None:
    at = "[" + ", ".join(f"{10 * k}ms" for k in range(50)) + "]"
    one = store("{read: db, cache: {store: cache, keys: zipf(n=3 s=0.1), capacity: 1}}", at)
    three = store("{read: db, cache: {store: cache, keys: zipf(n=3 s=0.1), capacity: 3}}", at)
    assert three.store("cache")["misses"] == 3
    assert 20 < one.store("cache")["misses"] < 50


def test_entries_live_for_ttl() -> None:
    seen = store("{read: db, cache: {store: cache, keys: 7, ttl: 25ms}}", "[0, 10ms, 20ms, 40ms, 50ms, 60ms, 80ms]")
    # Filled at 6; good until 31. Missed again at 40 (filled at 46, good until 71), and at 80.
    assert seen.latencies() == [6, 1, 1, 6, 1, 1, 6]


STAMPEDE = "[0, 0, 0, 0, 100ms]"


def test_stampede_without_single_flight() -> None:
    seen = store("{read: db, cache: {store: cache, keys: 7}}", STAMPEDE)
    assert seen.latencies() == [6, 6, 11, 11, 1]
    assert seen.store("db")["arrived"] == 4


def test_single_flight_lets_others_wait_for_the_first() -> None:
    seen = store("{read: db, cache: {store: cache, keys: 7, single_flight: true}}", STAMPEDE)
    assert seen.latencies() == [6, 6, 6, 6, 1]
    assert seen.store("db")["arrived"] == 1
    assert seen.store("cache")["shared"] == 3


def cached(
    read: str, cache: str, at: str = "[0]", faults: str = "", d: str = "read: 5ms", r: str = "read: 1ms"
) -> Seen:
    """Reads of d through the cache r."""
    return simulate(f"""
    services:
      a: {{threads: unlimited, endpoints: {{go: {{steps: [{{read: d, {read}cache: {{store: r, {cache}}}}}]}}}}}}
    stores: {{d: {{{d}}}, r: {{{r}}}}}
    traffic: {{t: {{target: a.go, at: {at}}}}}
    faults: [{faults}]
    """)


def test_timeout_of_a_read_covers_its_cache() -> None:
    seen = cached("timeout: 20ms, ", "hit: 100%", r="read: 100ms")
    assert seen.latencies() == [20]
    assert seen.roots()[0].cause == "a:timeout"
    assert seen.store("r")["timeouts"] == 1
    assert cached("timeout: 20ms, ", "hit: 0%", r="read: 15ms", d="read: 10ms").latencies() == [20]


def test_timeout_of_a_read_covers_the_wait_for_anothers() -> None:
    seen = cached("timeout: 20ms, ", "keys: uniform(1 1), single_flight: true", at="[0, 10ms, 15ms]", d="read: 18ms")
    # The first reads until 19 ms and serves all.
    assert seen.latencies() == [19, 9, 4]
    seen = cached("timeout: 20ms, ", "keys: uniform(1 1), single_flight: true", at="[0, 10ms]", d="read: 40ms")
    assert seen.outcomes() == ["error", "error"]
    assert seen.ends() == [20, 20]  # the first one's failure is that of all who waited for it


def test_cut_between_a_service_and_a_store_holds_behind_a_cache() -> None:
    seen = cached("timeout: 20ms, ", "hit: 0%", faults="{cut: a -> d, at: 0s}")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [20])


def test_cut_between_a_service_and_its_cache_holds() -> None:
    seen = cached("timeout: 20ms, ", "hit: 100%", faults="{cut: a -> r, at: 0s}")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [20])


def test_delay_on_the_way_to_a_cache_and_to_the_store_behind_it() -> None:
    assert cached("", "hit: 100%", faults="{delay: a -> r, add: 10ms, at: 0s}").latencies() == [11]
    assert cached("", "hit: 0%", faults="{delay: a -> d, add: 10ms, at: 0s}").latencies() == [16]


def test_cache_that_fails_is_passed_by() -> None:
    seen = cached("", "hit: 100%", faults="{fail: r, at: 0s}")
    assert (seen.outcomes(), seen.latencies()) == (["ok"], [6])
