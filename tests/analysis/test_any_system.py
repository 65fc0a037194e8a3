"""Whatever a valid file says, warnings and the explanation come out: no crash, no nan, the same twice."""

from __future__ import annotations

import io
import json
import random

import pytest

from msforge.analysis import explain, lint
from msforge.model import compile_system
from msforge.report.console import Terminal
from msforge.report.explain import explanation
from msforge.spec import load_text

TIMES = (
    "0", "1ms", "exponential(5ms)", "lognormal(mean=5ms p99=30ms)", "pareto(scale=1ms alpha=0.9)",
    "pareto(scale=1ms alpha=1.5)", "normal(5ms 5ms)",
    "gamma(mean=2ms cv=3)", "mixture(99% exponential(2ms) 1% 200ms)", "uniform(0ms 3ms)",
)
POLICIES = (
    "timeout: 100ms", "deadline: 300ms", "retry: {attempts: 3, backoff: 10ms, jitter: decorrelated}",
    "retry: {attempts: unlimited, backoff: 10ms}, timeout: 50ms", "retry: {attempts: 3, budget: {kind: grpc}}",
    "bulkhead: 2", "hedge: {after: 5ms}", "fallback: {steps: []}", "fallback: {steps: [wait: 1ms, fail: 50%]}",
    "circuit_breaker: {consecutive: 5}",
    "circuit_breaker: {slow_call: {rate: 50%, duration: 1s}, window: 10s}, timeout: 20ms",
    "throttle: {}", "cancel: all, timeout: 10ms",
)
SERVICES = (
    "threads: unlimited", "threads: 1, queue: 0", "cpu: 0.5", "cpu: {cores: 2.5, scheduling: fifo}, threads: unlimited",
    "cpu: {cores: 1, scaling: {contention: 0.1, coherency: 0.01}}", "replicas: 0",
    "replicas: 3, balance: least_connections", "rate_limit: {rate: 20/s}",
    "autoscale: {min: 1, max: 3, threads: 50%}", "function: {cost_per_million: 1}",
    "zones: [x, y], replicas: 2", "queue: {capacity: 5, discipline: lifo}", "external: true", "instance: {cost: 0.1/h}",
)
SOURCES = (
    "rate: 50/s", "rate: 0/s", "stages: [{rate: 0/s -> 500/s, for: 30s}, {rate: 10/s, for: 30s}]",
    "users: 20, think: 100ms", "users: 1, think: 1ms", "at: [0s, 1.5s, 3s]",
    "rate: 20/s, arrivals: bursty(on=1s off=4s peak=4x)", "rate: 5/s, arrivals: constant, start: 10s",
)
FAULTS = (
    "{crash: s1, replicas: each, every: exponential(60s), for: exponential(5s)}", "{crash: s1, at: 10s, for: 5s}",
    "{slow: d0, by: 5x, every: 60s, for: 5s}", "{fail: s1.go, rate: 10%, every: 60s, for: 60s}",
    "{fail: d0, rate: 5%, every: 9s, for: 1s}", "{cut: s0 -> s1, every: 99s, for: 1s}",
    "{drop: clients -> s0, rate: 1%, every: 99s, for: 1s}", "{pause: s1, at: 99m, for: 1s}",
)


class Author:
    """Writes a valid file by dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def steps(self, service: int, depth: int = 0) -> str:
        return "[" + ", ".join(self.step(service, depth) for _ in range(self.dice.randint(0, 3))) + "]"

    def step(self, service: int, depth: int) -> str:
        kinds = ["work", "wait", "read", "write", "publish", "fail", "cached", "keyed"]
        kinds += ["call"] * 4 if service < 3 else []
        holders = ["parallel", "copies", "choose", "repeat", "group"]
        kinds += [*holders, "saga"] if depth < 2 else []
        kind = self.dice.choice(kinds)
        inner = self.steps(service, depth + 1) if kind in holders else "[]"
        return {
            "work": f"{{work: {self.dice.choice(TIMES)}}}", "wait": f"{{wait: {self.dice.choice(TIMES)}}}",
            "read": "{read: d0}", "write": "{write: d1, timeout: 1s}", "publish": "{publish: c0, outbox: true}",
            "fail": f"{{fail: {self.dice.choice(['0%', '3%', '100%'])}, status: {self.dice.choice([404, 500])}}}",
            "cached": "{read: d0, cache: {store: d1, hit: 80%}}",
            "keyed": "{read: d0, cache: {store: d1, keys: zipf(n=100 s=1.1), capacity: 10, ttl: 1s}}",
            "call": f"{{call: s{self.dice.randint(min(service + 1, 3), 3)}.go, {self.dice.choice(POLICIES)}}}",
            "parallel": f"{{parallel: [{{steps: {inner}}}, {{wait: 1ms}}], need: {self.dice.choice(['any', 'all'])}}}",
            "copies": f"{{parallel: {self.dice.choice([1, 7])}, steps: {inner}}}",
            "choose": f"{{choose: [{{weight: 1, steps: {inner}}}, {{weight: 3}}]}}",
            "repeat": f"{{repeat: {self.dice.choice([0, 3])}, steps: {inner}}}",
            "saga": "{saga: [{do: {work: 1ms}, undo: {work: 1ms}}, {do: {fail: 10%}}]}",
            "group": f"{{steps: {inner}}}",
        }[kind]

    def file(self) -> str:
        services = "\n".join(
            f"  s{i}: {{{self.dice.choice(SERVICES)}, endpoints: {{go: {{steps: {self.steps(i)}}}}}}}" for i in range(4)
        )
        faults = ", ".join(self.dice.sample(FAULTS, self.dice.randint(0, 4)))
        topic = self.dice.random() < 0.5
        return f"""\
msforge: 1
name: any
services:
{services}
  reader: {{consumers: {{take: {{from: c0, retry: {{attempts: 2}}, steps: [{{wait: 2ms}}, {{fail: 10%}}]}}}}}}
stores:
  d0: {{owner: s1, connections: 2, read: exponential(1ms)}}
  d1: {{kind: redis, connections: unlimited, cost: 1/h}}
channels: {{c0: {{kind: {"topic" if topic else "queue"}{", partitions: 2" if topic else ""}}}}}
network: {{latency: {self.dice.choice(TIMES)}, between_zones: {{latency: 1ms, cost: 0.01/GiB}}}}
traffic:
  first: {{target: s0.go, {self.dice.choice(SOURCES)}}}
  second: {{journey: [s1.go, {{target: s2.go, timeout: 50ms, continue: true}}], {self.dice.choice(SOURCES)}}}
faults: [{faults}]
simulation: {{duration: 60s}}
"""


@pytest.mark.parametrize("seed", range(60))
def test_any_valid_system_is_linted_and_explained(seed: int) -> None:
    spec = load_text(Author(seed).file())
    system = compile_system(spec)
    warnings = lint(system, spec)
    assert warnings == lint(system, spec)
    assert all(w.line > 0 for w in warnings)
    found = explain(system)
    assert json.dumps(found.to_dict(), allow_nan=False) == json.dumps(explain(system).to_dict(), allow_nan=False)
    out = io.StringIO()
    Terminal(out=out).show(*explanation(found, 80))
    assert max(len(line) for line in out.getvalue().splitlines()) <= 80
    assert "nan" not in out.getvalue()
