"""The same three works as plain SimPy: a process per request, `Resource`, `timeout | event`.

Written as SimPy's own documentation teaches, with care for speed where that costs no
clarity: bound methods in locals, the standard library's fast variates, no monitoring but a
list of latencies, and (as in msforge's runs) no cycle collector looking for what isn't there.
"""

from __future__ import annotations

import functools
import gc
import itertools
import math
import random
from collections.abc import Generator, Iterator
from typing import Any

import simpy
import works

Process = Generator[simpy.Event, Any, Any]
Sink = list[float]


def poisson(env: simpy.Environment, rate: float, until: float, dice: random.Random, serve: Any) -> Process:
    """Start `serve(arrived)` as a process at each arrival of a Poisson stream until the end."""
    gap, timeout, process = dice.expovariate, env.timeout, env.process
    yield timeout(gap(rate))
    while (now := env.now) < until:
        process(serve(now))
        yield timeout(gap(rate))


def mm4(seconds: float, seed: int) -> Sink:
    """M/M/4."""
    env, dice, sink = simpy.Environment(), random.Random(seed), []
    server = simpy.Resource(env, capacity=works.MM4_THREADS)
    ask, leave, done = server.request, server.release, sink.append
    expovariate, timeout, rate = dice.expovariate, env.timeout, 1.0 / works.MM4_MEAN

    def request(arrived: float) -> Process:
        turn = ask()
        if not turn.triggered:
            yield turn
        yield timeout(expovariate(rate))
        leave(turn)
        done(env.now - arrived)

    env.process(poisson(env, works.MM4_RATE, seconds, dice, request))
    env.run()
    return sink


def chain(seconds: float, seed: int) -> Sink:
    """Gateway, then three calls in a row, each with a timeout and one retry."""
    env, dice, sink = simpy.Environment(), random.Random(seed), []
    lognormal, timeout, process = dice.lognormvariate, env.timeout, env.process
    sigma, hop, limit = works.CHAIN_SIGMA, works.CHAIN_NETWORK, works.CHAIN_TIMEOUT
    mu = math.log(works.CHAIN_MEAN) - sigma**2 / 2
    services: list[Iterator[simpy.Resource]] = [
        itertools.cycle([simpy.Resource(env, works.CHAIN_THREADS) for _ in range(works.CHAIN_REPLICAS)])
        for _ in works.CHAIN_SERVICES
    ]

    def call(replica: simpy.Resource) -> Process:
        yield timeout(hop)
        turn = replica.request()
        if not turn.triggered:
            yield turn
        yield timeout(lognormal(mu, sigma))
        replica.release(turn)
        yield timeout(hop)

    def request(arrived: float) -> Process:
        yield timeout(hop)
        for replicas in services:
            for _ in range(2):
                answer = process(call(next(replicas)))
                yield answer | timeout(limit)
                if answer.triggered:
                    break
            else:
                break
        yield timeout(hop)
        sink.append(env.now - arrived)

    env.process(poisson(env, works.CHAIN_RATE, seconds, dice, request))
    env.run()
    return sink


def big(seconds: float, seed: int) -> Sink:
    """A thousand services: own time, then all callees at once."""
    env, dice, sink = simpy.Environment(), random.Random(seed), []
    plan = works.graph()
    expovariate, timeout, process, rate = dice.expovariate, env.timeout, env.process, 1.0 / works.BIG_MEAN
    hop = works.BIG_NETWORK
    services = [
        itertools.cycle([simpy.Resource(env, threads) for _ in range(works.BIG_REPLICAS)]) for threads in plan.threads
    ]

    def call(service: int) -> Process:
        yield timeout(hop)
        replica = next(services[service])
        turn = replica.request()
        if not turn.triggered:
            yield turn
        yield timeout(expovariate(rate))
        callees = plan.calls[service]
        if callees:
            yield env.all_of([process(call(callee)) for callee in callees])
        replica.release(turn)
        yield timeout(hop)

    def request(arrived: float, entry: int) -> Process:
        yield from call(entry)
        sink.append(env.now - arrived)

    for entry in range(plan.entries):
        env.process(poisson(env, works.BIG_RATE, seconds, dice, functools.partial(request, entry=entry)))
    env.run()
    return sink


def run(work: str, seconds: float, seed: int) -> Sink:
    """One work without the cycle collector."""
    gc.disable()
    try:
        return {"mm4": mm4, "chain": chain, "big": big}[work](seconds, seed)
    finally:
        gc.enable()
