"""The three works, each as a description in YAML and as plain numbers for the scripts beside it.

Everything that decides the answer (rates, times, threads, the random graph) is written here
once, so that msforge and the plain scripts cannot drift apart.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

# Work 1: M/M/4 at 80 % load.
MM4_RATE = 320.0
MM4_MEAN = 0.010
MM4_THREADS = 4

# Work 2: a gateway, then three calls in a row.
CHAIN_RATE = 600.0
CHAIN_MEAN = 0.020
CHAIN_SIGMA = 1.5
CHAIN_REPLICAS = 2
CHAIN_THREADS = 8
CHAIN_NETWORK = 0.0005
CHAIN_TIMEOUT = 1.0
CHAIN_SERVICES = ("first", "second", "third")

# Work 3: 1,000 services in six layers.
BIG_LAYERS = (10, 30, 90, 220, 300, 350)
FAN_OUT = 3
BIG_RATE = 50.0
BIG_MEAN = 0.002
BIG_NETWORK = 0.0005
BIG_REPLICAS = 2
BIG_GRAPH_SEED = 7

SECONDS = {"mm4": 300.0, "chain": 30.0, "big": 3.0}
"""Simulated seconds of one measurement."""


@dataclass(frozen=True)
class Graph:
    """The layered random graph: who calls whom, and how many threads each replica has."""

    calls: tuple[tuple[int, ...], ...]
    threads: tuple[int, ...]
    entries: int

    @property
    def edges(self) -> int:
        """Number of arrows."""
        return sum(len(c) for c in self.calls)


def graph() -> Graph:
    """Six layers, a mean fan-out of three; every service below the first layer has a caller."""
    dice = random.Random(BIG_GRAPH_SEED)
    starts = [sum(BIG_LAYERS[:k]) for k in range(len(BIG_LAYERS) + 1)]
    calls: list[list[int]] = [[] for _ in range(starts[-1])]
    for layer in range(len(BIG_LAYERS) - 1):
        callers = list(range(starts[layer], starts[layer + 1]))
        below = range(starts[layer + 1], starts[layer + 2])
        for callee in dice.sample(below, len(below)):  # everyone is called by someone ...
            calls[dice.choice([c for c in callers if len(calls[c]) < 4])].append(callee)
        while sum(len(calls[c]) for c in callers) < FAN_OUT * len(callers):  # ... and the rest falls at random
            caller = dice.choice(callers)
            callee = dice.choice(below)
            if callee not in calls[caller]:
                calls[caller].append(callee)
    rates = [BIG_RATE] * BIG_LAYERS[0] + [0.0] * (len(calls) - BIG_LAYERS[0])
    for service, callees in enumerate(calls):
        for callee in callees:
            rates[callee] += rates[service]
    threads = []
    for service, rate in enumerate(rates):
        below_it = next(k for k in range(len(starts)) if service < starts[k]) - 1
        remaining = len(BIG_LAYERS) - below_it
        # A thread is held while callees answer: roughly four service times and two hops a layer.
        held = BIG_MEAN + (remaining - 1) * (4 * BIG_MEAN + 2 * BIG_NETWORK)
        threads.append(max(2, math.ceil(rate * held / BIG_REPLICAS / 0.6)))
    return Graph(tuple(tuple(c) for c in calls), tuple(threads), BIG_LAYERS[0])


def mm4(seconds: float) -> str:
    """M/M/4 as a description."""
    return f"""\
msforge: 1
name: mm4
services:
  server:
    threads: {MM4_THREADS}
    queue: unlimited
    endpoints:
      serve: {{http: POST /serve, steps: [wait: exponential({MM4_MEAN * 1e3}ms)]}}
traffic:
  clients: {{target: server.serve, rate: {MM4_RATE}/s}}
simulation: {{duration: {seconds}s, drain: 60s}}
"""


def chain(seconds: float) -> str:
    """The chain as a description."""
    cv = math.sqrt(math.expm1(CHAIN_SIGMA**2))
    lines = [
        "msforge: 1",
        "name: chain",
        "services:",
        "  gateway:",
        "    threads: unlimited",
        "    queue: unlimited",
        "    endpoints:",
        "      enter:",
        "        http: POST /enter",
        "        steps:",
    ]
    for name in CHAIN_SERVICES:
        lines += [
            f"          - call: {name}.serve",
            f"            timeout: {CHAIN_TIMEOUT}s",
            "            retry: {attempts: 2, backoff: 0, on: [timeout]}",
        ]
    for name in CHAIN_SERVICES:
        lines += [
            f"  {name}:",
            f"    replicas: {CHAIN_REPLICAS}",
            f"    threads: {CHAIN_THREADS}",
            "    queue: unlimited",
            "    endpoints:",
            "      serve:",
            "        http: POST /serve",
            f"        steps: [wait: lognormal(mean={CHAIN_MEAN * 1e3}ms cv={cv!r})]",
        ]
    lines += [
        f"network: {{latency: {CHAIN_NETWORK * 1e3}ms}}",
        f"traffic: {{clients: {{target: gateway.enter, rate: {CHAIN_RATE}/s}}}}",
        f"simulation: {{duration: {seconds}s, drain: 60s}}",
    ]
    return "\n".join(lines) + "\n"


def big(seconds: float) -> str:
    """A thousand services as a description."""
    plan = graph()
    lines = ["msforge: 1", "name: big", f"network: {{latency: {BIG_NETWORK * 1e3}ms}}", "services:"]
    for service, callees in enumerate(plan.calls):
        lines += [
            f"  s{service}:",
            f"    replicas: {BIG_REPLICAS}",
            f"    threads: {plan.threads[service]}",
            "    queue: unlimited",
            "    endpoints:",
            "      serve:",
            "        http: POST /serve",
            "        steps:",
            f"          - wait: exponential({BIG_MEAN * 1e3}ms)",
        ]
        if callees:
            lines.append("          - parallel:")
            lines += [f"              - call: s{callee}.serve" for callee in callees]
    lines.append("traffic:")
    lines += [f"  t{entry}: {{target: s{entry}.serve, rate: {BIG_RATE}/s}}" for entry in range(plan.entries)]
    lines.append(f"simulation: {{duration: {seconds}s, drain: 60s}}")
    return "\n".join(lines) + "\n"


DESCRIPTIONS = {"mm4": mm4, "chain": chain, "big": big}
