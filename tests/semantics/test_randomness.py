"""Draws belong to what they are for: the same request needs the same work in two runs that differ elsewhere."""

from __future__ import annotations

from golden import digest
from rig import Seen, compiled, simulate

from msforge import sim

BASE = """
services:
  a:
    threads: unlimited
    endpoints:
      go: {{steps: [{{work: exponential(3ms)}}, {{call: b.go{policy}}}, {{wait: lognormal(mean=5ms cv=1)}}]}}
  b: {{threads: {threads}, endpoints: {{go: {{steps: [{{wait: exponential(10ms)}}{more}]}}}}}}
{service}network: {{latency: exponential(1ms)}}
traffic:
  t: {{target: a.go, rate: 50/s}}
{traffic}{tail}simulation: {{duration: 4s, seed: 11}}
"""


def base(
    policy: str = "", threads: str = "unlimited", more: str = "", service: str = "", traffic: str = "", tail: str = ""
) -> Seen:
    """The system, changed here or there."""
    return simulate(BASE.format(policy=policy, threads=threads, more=more, service=service, traffic=traffic, tail=tail))


def test_same_file_and_seed_give_the_same_run() -> None:
    assert digest(base().records) == digest(base().records)


def test_another_seed_gives_another_run() -> None:
    one = simulate(BASE.format(policy="", threads="9", more="", service="", traffic="", tail=""), seed=1)
    two = simulate(BASE.format(policy="", threads="9", more="", service="", traffic="", tail=""), seed=2)
    assert one.latencies() != two.latencies()


def test_service_added_elsewhere_changes_nothing() -> None:
    more = base(service="  c: {endpoints: {go: {steps: [wait: exponential(9ms)]}}}\n",
                traffic="  z: {target: c.go, rate: 70/s}\n")
    assert more.roots() == base().roots()


def test_order_of_the_file_changes_nothing() -> None:
    more = "  u: {target: b.go, rate: 20/s}\n"
    text = BASE.format(policy="", threads="9", more="", service="", traffic=more, tail="")
    lines = text.strip().splitlines()
    (b,) = (k for k, line in enumerate(lines) if line.startswith("  b:"))
    (t,) = (k for k, line in enumerate(lines) if line.startswith("  t:"))
    lines[1:1] = [lines.pop(b)]  # b before a
    lines[t], lines[t + 1] = lines[t + 1], lines[t]  # u before t
    swapped, written = simulate("\n".join(lines)), simulate(text)
    assert [r[1:] for r in swapped.roots(1)] == [r[1:] for r in written.roots(0)]
    assert [r[1:] for r in swapped.roots(0)] == [r[1:] for r in written.roots(1)]


def test_step_added_leaves_the_draws_of_others() -> None:
    plain, longer = base(), base(more=", {wait: 7ms}")
    later = [round(y - x, 6) for x, y in zip(plain.latencies(), longer.latencies(), strict=True)]
    assert later == [7.0] * len(plain.roots())


def test_fault_leaves_requests_it_does_not_touch() -> None:
    plain = base()
    faulty = base(tail="faults: [{slow: b, by: 5x, at: 1s, for: 1s}]\n")
    untouched = [k for k, r in enumerate(plain.roots()) if r.end < 1000 or r.arrival > 2000]
    touched = [k for k, r in enumerate(plain.roots()) if r.arrival > 1000 and r.end < 1900]
    assert len(untouched) > 50 and len(touched) > 20
    assert all(plain.roots()[k] == faulty.roots()[k] for k in untouched)
    assert any(plain.roots()[k] != faulty.roots()[k] for k in touched)


def test_policy_leaves_the_first_tries_as_they_were() -> None:
    plain, hedged = base(), base(policy=", timeout: 10s, retry: {attempts: 3}, circuit_breaker: {failure_rate: 50%}")
    assert plain.roots() == hedged.roots()


def test_fewer_threads_change_waiting_and_nothing_else() -> None:
    wide, narrow = base(), base(threads="1")
    assert len(wide.roots()) == len(narrow.roots())
    assert [r.arrival for r in wide.roots()] == [r.arrival for r in narrow.roots()]
    assert wide.column("own") == narrow.column("own")
    assert wide.column("network") == narrow.column("network")
    assert wide.latencies() != narrow.latencies()


def test_longer_run_begins_like_the_shorter() -> None:
    text = BASE.format(policy="", threads="1", more="", service="", traffic="", tail="")
    short, long = simulate(text), simulate(text.replace("duration: 4s", "duration: 8s"))
    count = len(short.roots())
    assert long.roots()[:count] == short.roots()


def test_replications_differ_and_do_not_depend_on_each_other() -> None:
    system = compiled(BASE.format(policy="", threads="2", more="", service="", traffic="", tail=""))
    alone = [digest(sim.run(system, replication=k)) for k in range(3)]
    assert len(set(alone)) == 3
    together = [digest(r) for r in sim.run_many(system, replications=3, processes=1)]
    assert together == alone


def test_number_of_processes_does_not_matter() -> None:
    system = compiled(BASE.format(policy="", threads="2", more="", service="", traffic="", tail=""))
    one = [digest(r) for r in sim.run_many(system, replications=4, processes=1)]
    two = [digest(r) for r in sim.run_many(system, replications=4, processes=2)]
    assert one == two


def test_id_names_a_steps_draws() -> None:
    text = """
    services: {{a: {{threads: unlimited, endpoints: {{go: {{steps: [{steps}]}}}}}}}}
    traffic: {{t: {{target: a.go, rate: 20/s}}}}
    simulation: {{duration: 2s, seed: 5}}
    """
    alone = simulate(text.format(steps="{wait: exponential(9ms), id: mine}"))
    moved = simulate(text.format(steps="{wait: 1ms}, {wait: 2ms}, {wait: exponential(9ms), id: mine}"))
    later = [round(y - x, 6) for x, y in zip(alone.latencies(), moved.latencies(), strict=True)]
    assert later == [3.0] * len(alone.roots())
