"""Random systems: a few services in layers with threads, queues, policies, stores, channels and faults."""

from __future__ import annotations

import random

LAWS = ("{}ms", "exponential({}ms)", "lognormal(mean={}ms cv=1.5)", "uniform(0ms {}ms)", "erlang(k=2 mean={}ms)")


def law(dice: random.Random) -> str:
    """A duration of a few milliseconds."""
    return dice.choice(LAWS).format(dice.randint(1, 12))


def call(dice: random.Random, target: str) -> str:
    """A call with some policies."""
    parts = [f"call: {target}"]
    if dice.random() < 0.5:
        parts.append(f"timeout: {dice.randint(5, 60)}ms")
        parts.append(f"cancel: {dice.choice(('none', 'queued', 'all'))}")
        jitter = dice.choice(("none", "full", "equal", "decorrelated"))
        parts.append(f"retry: {{attempts: {dice.randint(1, 4)}, backoff: {dice.randint(0, 20)}ms, jitter: {jitter}}}")
    if dice.random() < 0.2:
        parts.append(f"deadline: {dice.randint(70, 200)}ms")
    if dice.random() < 0.3:
        parts.append(f"circuit_breaker: {{failure_rate: {dice.randint(5, 60)}%, window: 20, open_for: 100ms}}")
    if dice.random() < 0.2:
        parts.append(f"bulkhead: {dice.randint(1, 8)}")
    if dice.random() < 0.2:
        parts.append("hedge: {after: 4ms}")
    if dice.random() < 0.2:
        parts.append("fallback: {steps: [wait: 1ms]}")
    return "{" + ", ".join(parts) + "}"


def step(dice: random.Random, below: list[str], stores: int) -> str:
    """One step of an endpoint."""
    kind = dice.random()
    if below and kind < 0.4:
        return call(dice, dice.choice(below))
    if below and kind < 0.5:
        branches = ", ".join(call(dice, dice.choice(below)) for _ in range(dice.randint(2, 3)))
        return f"{{parallel: [{branches}], need: {dice.choice(('all', 'any', '2'))}}}"
    if kind < 0.6:
        return f"{{{dice.choice(('read', 'write'))}: db{dice.randrange(stores)}}}"
    if kind < 0.65:
        return "{publish: jobs}"
    if kind < 0.7:
        return f"{{fail: {dice.randint(1, 8)}%}}"
    return f"{{{dice.choice(('work', 'wait'))}: {law(dice)}}}"


def fault(dice: random.Random, services: int) -> str:
    """Something that goes wrong for a while."""
    who, other = f"s{dice.randrange(services)}", f"s{dice.randrange(services)}"
    kind = dice.choice((
        f"crash: {who}, replicas: {dice.choice(('all', '1'))}", f"slow: {who}, by: {dice.randint(2, 8)}x",
        f"fail: {who}, rate: 30%", f"pause: {who}", f"slow: db0, by: {dice.randint(2, 8)}x",
        f"drop: {who} -> {other}, rate: 20%" if who != other else f"crash: {who}",
        f"cut: {who} -> {other}" if who != other else f"pause: {who}",
        f"fail: {who}, kind: crash, rate: 1%",
    ))
    when = "every: exponential(700ms), for: exponential(100ms)" if dice.random() < 0.4 else (
        f"at: {dice.randint(0, 1500)}ms, for: {dice.randint(10, 500)}ms")
    return f"  - {{{kind}, {when}}}"


def random_system(number: int) -> str:
    """The description of system `number`, always the same."""
    dice = random.Random(number)
    services, stores = dice.randint(2, 6), dice.randint(1, 2)
    lines = ["msforge: 1", f"name: random-{number}", "services:"]
    for s in range(services):
        threads = dice.choice(("1", "2", "4", "16", "unlimited"))
        discipline = dice.choice(("fifo", "lifo", "priority"))
        queue = f"{{capacity: {dice.choice(('0', '3', '50', 'unlimited'))}, discipline: {discipline}}}"
        below = [f"s{k}.go" for k in range(s + 1, services)]
        steps = [f"{{wait: {law(dice)}}}", *(step(dice, below, stores) for _ in range(dice.randint(1, 4)))]
        lines += [
            f"  s{s}:",
            f"    replicas: {dice.randint(1, 3)}",
            f"    threads: {threads}",
            f"    queue: {queue}",
            f"    balance: {dice.choice(('round_robin', 'random', 'least_connections', 'power_of_two'))}",
            f"    detect: {dice.choice((0, 20))}ms",
            *([f"    cpu: {dice.choice((0.5, 1, 2))}"] if dice.random() < 0.4 else []),
            *([f"    rate_limit: {{rate: {dice.randint(20, 200)}/s, burst: 5}}"] if dice.random() < 0.2 else []),
            f"    endpoints: {{go: {{steps: [{', '.join(steps)}]}}}}",
        ]
    kind = dice.choice(("{kind: queue, max_length: 20}", "{kind: topic, partitions: 3, rebalance: 50ms}"))
    lines += [
        "  worker:",
        f"    replicas: {dice.randint(1, 2)}",
        "    consumers:",
        f"      handle: {{from: jobs, threads: {dice.randint(1, 3)}, retry: {{attempts: 3, backoff: 5ms}}, "
        f"steps: [{{wait: {law(dice)}}}, {{fail: 5%}}]}}",
        "stores:",
        *(
            f"  db{k}: {{connections: {dice.randint(1, 6)}, read: {law(dice)}, write: {law(dice)}}}"
            for k in range(stores)
        ),
        f"channels: {{jobs: {kind}}}",
        f"network: {{latency: {dice.choice(('0', '1ms', 'exponential(500us)'))}}}",
        "traffic:",
        f"  open: {{target: s0.go, rate: {dice.randint(20, 200)}/s, timeout: {dice.randint(20, 300)}ms, priority: 2}}",
        f"  closed: {{target: s0.go, users: {dice.randint(1, 10)}, think: exponential(50ms)}}",
        *(["faults:", *(fault(dice, services) for _ in range(dice.randint(1, 3)))] if dice.random() < 0.7 else []),
        "simulation: {duration: 3s, drain: 60s}",
    ]
    return "\n".join(lines) + "\n"


CONTINUOUS = (
    "exponential({}ms)", "lognormal(mean={}ms cv=1.5)", "uniform(0ms {}ms)", "mixture(50% {}ms 50% exponential({}ms))"
)


def quiet_system(number: int) -> str:
    """A system of plain stations: what an engine may leave out events for."""
    dice = random.Random(number)

    def time() -> str:
        text = dice.choice(CONTINUOUS)
        return text.format(*[dice.randint(1, 9)] * text.count("{}"))

    leaves = dice.randint(1, 4)
    lines = ["msforge: 1", f"name: quiet-{number}", "services:"]
    for s in range(leaves):
        queue = dice.choice(("0", "2", "20", "unlimited"))
        steps = ", ".join(f"{dice.choice(('wait', 'work'))}: {time()}" for _ in range(dice.randint(1, 2)))
        lines += [
            f"  leaf{s}: {{replicas: {dice.randint(1, 3)}, threads: {dice.choice((1, 2, 8))}, queue: {queue}, "
            f"endpoints: {{go: {{steps: [{{{'}, {'.join(steps.split(', '))}}}]}}}}}}",
        ]
    calls = []
    for _ in range(dice.randint(1, 3)):
        parts = [f"call: leaf{dice.randrange(leaves)}.go"]
        if dice.random() < 0.6:
            parts.append(f"timeout: {dice.randint(5, 40)}ms")
        if dice.random() < 0.6:
            parts.append(f"retry: {{attempts: {dice.randint(2, 3)}, backoff: {dice.randint(0, 5)}ms}}")
        calls.append("{" + ", ".join(parts) + "}")
    if dice.random() < 0.4:
        calls = [f"{{parallel: [{', '.join(calls)}]}}"]
    lines += [
        f"  front: {{threads: {dice.choice((4, 16, 'unlimited'))}, "
        f"endpoints: {{go: {{steps: [{', '.join(calls)}]}}}}}}",
        f"network: {{latency: {dice.choice(('0', '500us', '1ms'))}}}",
        "traffic:",
        f"  a: {{target: front.go, rate: {dice.randint(50, 300)}/s}}",
        f"  b: {{target: leaf0.go, rate: {dice.randint(20, 200)}/s}}",
        *([f"faults: [{{slow: leaf0, by: 3x, at: {dice.randint(0, 15)}00ms, for: 300ms}}]"] * (dice.random() < 0.3)),
        f"simulation: {{duration: 3s, warmup: {dice.choice((0, 500))}ms, drain: {dice.choice((0, 60))}s}}",
    ]
    return "\n".join(lines) + "\n"


def deep_system(number: int) -> str:
    """Layers of plain stations that call one another: some inner services are quiet, some nearly are."""
    dice = random.Random(number)

    def time(laws: tuple[str, ...] = CONTINUOUS) -> str:
        text = dice.choice(laws)
        return f"{dice.choice(('wait', 'work'))}: {text.format(*[dice.randint(1, 9)] * text.count('{}'))}"

    layers = [dice.randint(2, 4), dice.randint(1, 3), dice.randint(1, 2), dice.randint(1, 2)]
    names = [[f"s{layer}x{k}" for k in range(size)] for layer, size in enumerate(layers)]
    lines = ["msforge: 1", f"name: deep-{number}", "services:"]
    for layer, services in enumerate(names):
        below = [name for upper in names[:layer] for name in upper]

        def call(targets: list[str] = below) -> str:
            parts = [f"call: {dice.choice(targets)}.go"]
            if dice.random() < (0.3 if parts[0].startswith("call: s0") else 0.05):
                parts.append(f"timeout: {dice.randint(5, 40)}ms")
                if dice.random() < 0.6:
                    parts.append(f"retry: {{attempts: {dice.randint(2, 3)}, backoff: {dice.randint(0, 5)}ms}}")
            return "{" + ", ".join(parts) + "}"

        for name in services:
            steps = [f"{{{time(CONTINUOUS[:3])}}}"] if dice.random() < 0.8 or not layer else []
            for _ in range(dice.randint(1, 2) if layer else 0):
                branches = ", ".join(call() for _ in range(dice.randint(2, 3)))
                steps.append(call() if dice.random() < 0.5 else f"{{parallel: [{branches}]}}")
                steps += [f"{{{time(CONTINUOUS[:3])}}}"] if dice.random() < 0.5 else []
            queue = dice.choice(("2", "20", "unlimited")) if not layer else "unlimited"
            more = f", also: {{steps: [{{{time(CONTINUOUS[:3])}}}]}}" if dice.random() < 0.2 else ""
            lines.append(
                f"  {name}: {{replicas: {dice.randint(1, 3)}, threads: {dice.choice((2, 4, 16, 'unlimited'))}, "
                f"queue: {queue}, endpoints: {{go: {{steps: [{', '.join(steps)}]}}{more}}}}}")
    top = names[-1][0]
    front = dice.random() < 0.4
    if front:
        steps = f"{{wait: exponential(2ms)}}, {{repeat: 2, steps: [{{call: {top}.go}}]}}, {{call: {names[1][0]}.go}}"
        lines.append(f"  front: {{threads: {dice.choice((4, 'unlimited'))}, endpoints: {{go: {{steps: [{steps}]}}}}}}")
    lines += [
        f"network: {{latency: {dice.choice(('0', '500us', '1ms'))}}}",
        "traffic:",
        *([f"  d: {{target: front.go, rate: {dice.randint(20, 100)}/s, timeout: 30ms}}"] * front),
        f"  a: {{target: {top}.go, rate: {dice.randint(50, 300)}/s}}",
        f"  b: {{target: {names[1][0]}.go, rate: {dice.randint(20, 200)}/s}}",
        f"  c: {{target: {names[0][0]}.go, rate: {dice.randint(20, 100)}/s}}",
        *([f"faults: [{{slow: {names[0][1]}, by: 3x, at: 500ms, for: 300ms}}]"] * (dice.random() < 0.15)),
        f"simulation: {{duration: 2s, warmup: {dice.choice((0, 500))}ms, drain: {dice.choice((0, 1, 60))}s}}",
    ]
    return "\n".join(lines) + "\n"
