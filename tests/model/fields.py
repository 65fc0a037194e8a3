"""For every key of the language two descriptions that differ in it alone.

A case is a template with one hole and what goes into it: first without the key, or with
another value, then with it.
"""

from __future__ import annotations

TOP = "services: {a: {zones: [z1, z2], endpoints: {x: {steps: [work: 1ms]}, y: {}}}, b: {endpoints: {u: {}}}}\n<>\n"
SERVICE = "services: {a: {endpoints: {x: {steps: [work: 1ms]}}, <>}}\nchannels: {q: {}}"
ENDPOINTS = "services: {a: {endpoints: {x: {steps: [work: 1ms]}<>}}}"
SERVICES = "services: {a: {endpoints: {x: {steps: [work: 1ms]}}}<>}"
CPU = "services: {a: {cpu: {cores: 2, <>}, endpoints: {x: {}}}}"
REST = "\nstores: {db: {}, cache: {}}\nchannels: {q: {}, t: {kind: topic}}"
ENDPOINT = "services: {a: {endpoints: {x: {<>}}}}" + REST
STEP = "services: {a: {endpoints: {x: {steps: [{<>}]}, y: {}, z: {}}}}" + REST
CALL = STEP.replace("<>", "call: a.y, <>")
RETRY = STEP.replace("<>", "call: a.y, retry: {<>}")
BREAKER = STEP.replace("<>", "call: a.y, circuit_breaker: {<>}")
FROM = "services: {a: {endpoints: {x: {}}, consumers: {c: {<>}}}}\nchannels: {q: {}, r: {}}"
CONSUMER = FROM.replace("<>", "from: q, <>")
STORE = "services: {a: {zones: [z1], endpoints: {x: {steps: [read: db, write: db]}}}}\nstores: {db: {<>}}"
QUEUE = "services: {a: {zones: [z1], endpoints: {x: {steps: [publish: q]}}}}\nchannels: {q: {<>}}"
TOPIC = QUEUE.replace("<>", "kind: topic, <>")
SOURCES = "services: {a: {endpoints: {x: {steps: [wait: 1ms]}, y: {}}}}\ntraffic: {<>}"
TRAFFIC = SOURCES.replace("<>", "users: {target: a.x, rate: 9/s, for: 1s}<>")
SOURCE = SOURCES.replace("<>", "users: {<>}")
RATE = SOURCE.replace("<>", "target: a.x, rate: 10/s, for: 9s, <>")
JOURNEY = SOURCE.replace("<>", "rate: 10/s, for: 9s, journey: [<>]")
VISIT = JOURNEY.replace("<>", "{target: a.x, <>}, a.y")
FAULT = (
    "services: {a: {replicas: 3, zones: [z1, z2], endpoints: {x: {steps: [call: b.u, read: db]}, y: {}}}, "
    "b: {replicas: 2, endpoints: {u: {}}}}\nstores: {db: {}, db2: {}}\nfaults: [{<>}]"
)


def _faults(head: str, *cases: tuple[str, str, str]) -> dict[str, tuple[str, str, str]]:
    """Cases of one kind of fault: (key, before, after) beside what it always has."""
    return {
        key: (FAULT, f"{head}, {before}".rstrip(", "), f"{head}, {after}".rstrip(", ")) for key, before, after in cases
    }


def _timing(kind: str, head: str, replicas: bool, lasts: bool = True) -> dict[str, tuple[str, str, str]]:
    if not lasts:
        return {
            f"{kind}.id": (FAULT, f"{head}, at: 1s", f"{head}, at: 1s, id: one"),
            f"{kind}.at": (FAULT, f"{head}, at: 1s", f"{head}, at: 2s"),
            f"{kind}.every": (FAULT, f"{head}, every: 9s", f"{head}, every: exponential(9s)"),
        }
    found = {
        f"{kind}.id": (FAULT, f"{head}, at: 1s", f"{head}, at: 1s, id: one"),
        f"{kind}.at": (FAULT, f"{head}, at: 1s", f"{head}, at: 2s"),
        f"{kind}.for_": (FAULT, f"{head}, at: 1s", f"{head}, at: 1s, for: 2s"),
        f"{kind}.every": (FAULT, f"{head}, for: 1s, every: 9s", f"{head}, for: 1s, every: exponential(9s)"),
    }
    if replicas:
        found[f"{kind}.replicas"] = (
            FAULT,
            f"{head}, for: 1s, every: 9s",
            f"{head}, for: 1s, every: 9s, replicas: each",
        )
    return found


CASES: dict[str, tuple[str, str, str]] = {
    "SystemModel.name": (TOP, "name: one", "name: two"),
    "SystemModel.services": (SERVICES, "", ", b: {endpoints: {y: {}}}"),
    "SystemModel.stores": (TOP, "", "stores: {db: {}}"),
    "SystemModel.channels": (TOP, "", "channels: {q: {}}"),
    "SystemModel.network": (TOP, "", "network: {latency: 1ms}"),
    "SystemModel.traffic": (TRAFFIC, "", ", more: {target: a.x, rate: 1/s, for: 1s}"),
    "SystemModel.faults": (TOP, "", "faults: [{crash: a, at: 1s}]"),
    "SystemModel.objectives": (TOP, "", "objectives: {a.x: p99 < 1s}"),
    "SystemModel.simulation": (TOP, "", "simulation: {seed: 9}"),
    "Simulation.duration": (TOP, "", "simulation: {duration: 5s}"),
    "Simulation.warmup": (TOP, "", "simulation: {warmup: 5s}"),
    "Simulation.drain": (TOP, "", "simulation: {drain: 5s}"),
    "Simulation.seed": (TOP, "", "simulation: {seed: 5}"),
    "Simulation.replications": (TOP, "", "simulation: {replications: 5}"),
    "Network.latency": (TOP, "", "network: {latency: 1ms}"),
    "Network.between_zones": (TOP, "", "network: {between_zones: {latency: 1ms}}"),
    "Network.message_size": (TOP, "", "network: {message_size: 1KiB}"),
    "BetweenZones.latency": (
        TOP,
        "network: {between_zones: {latency: 1ms}}",
        "network: {between_zones: {latency: 2ms}}",
    ),
    "BetweenZones.cost": (TOP, "", "network: {between_zones: {cost: 0.01/GiB}}"),
    "Service.language": (SERVICE, "", "language: java"),
    "Service.replicas": (SERVICE, "", "replicas: 2"),
    "Service.threads": (SERVICE, "", "threads: 2"),
    "Service.queue": (SERVICE, "", "queue: 2"),
    "Service.cpu": (SERVICE, "", "cpu: 2"),
    "Service.balance": (SERVICE, "", "balance: random"),
    "Service.balancer": (SERVICE, "", "balancer: client"),
    "Service.rate_limit": (SERVICE, "", "rate_limit: {rate: 2/s}"),
    "Service.detect": (SERVICE, "", "detect: 2s"),
    "Service.startup": (SERVICE, "", "startup: 2s"),
    "Service.autoscale": (SERVICE, "", "autoscale: {max: 3, threads: 70%}"),
    "Service.instance": (SERVICE, "", "instance: {cost: 1/h}"),
    "Service.function": (SERVICE, "", "function: {}"),
    "Service.zones": (SERVICE, "zones: [z1]", "zones: [z2]"),
    "Service.external": (SERVICE, "", "external: true"),
    "Service.endpoints": (ENDPOINTS, "", ", y: {}"),
    "Service.consumers": (SERVICE, "", "consumers: {c: {from: q}}"),
    "Queue.capacity": (SERVICE, "queue: {discipline: lifo}", "queue: {discipline: lifo, capacity: unlimited}"),
    "Queue.discipline": (SERVICE, "", "queue: {discipline: lifo}"),
    "Cpu.cores": (SERVICE, "cpu: {cores: 1}", "cpu: {cores: 2}"),
    "Cpu.scheduling": (CPU, "", "scheduling: fifo"),
    "Cpu.scaling": (CPU, "", "scaling: {contention: 0.1}"),
    "Scaling.contention": (CPU, "scaling: {contention: 0.2}", "scaling: {contention: 0.1}"),
    "Scaling.coherency": (CPU, "scaling: {coherency: 0.2}", "scaling: {coherency: 0.1}"),
    "RateLimit.rate": (SERVICE, "rate_limit: {rate: 2/s, burst: 1}", "rate_limit: {rate: 3/s, burst: 1}"),
    "RateLimit.burst": (SERVICE, "rate_limit: {rate: 2/s, burst: 1}", "rate_limit: {rate: 2/s, burst: 2}"),
    "Autoscale.min": (
        SERVICE,
        "replicas: 2, autoscale: {max: 3, threads: 70%}",
        "replicas: 2, autoscale: {min: 2, max: 3, threads: 70%}",
    ),
    "Autoscale.max": (SERVICE, "autoscale: {max: 2, threads: 70%}", "autoscale: {max: 3, threads: 70%}"),
    "Autoscale.cpu": (SERVICE, "cpu: 1, autoscale: {max: 2, cpu: 70%}", "cpu: 1, autoscale: {max: 2, cpu: 80%}"),
    "Autoscale.threads": (SERVICE, "autoscale: {max: 2, threads: 70%}", "autoscale: {max: 2, threads: 80%}"),
    "Instance.cost": (SERVICE, "instance: {cost: 1/h}", "instance: {cost: 2/h}"),
    "Function.cold_start": (SERVICE, "function: {}", "function: {cold_start: 1s}"),
    "Function.keep_alive": (SERVICE, "function: {}", "function: {keep_alive: 1s}"),
    "Function.cost_per_million": (SERVICE, "function: {}", "function: {cost_per_million: 1}"),
    "Function.memory": (SERVICE, "function: {}", "function: {memory: 1GiB}"),
    "Function.cost_per_gib_second": (SERVICE, "function: {}", "function: {cost_per_gib_second: 1}"),
    "Endpoint.http": (ENDPOINT, "", "http: PATCH /x"),
    "Endpoint.grpc": (ENDPOINT, "", "grpc: a.B/C"),
    "Endpoint.idempotent": (ENDPOINT, "", "idempotent: true"),
    "Endpoint.steps": (ENDPOINT, "", "steps: [work: 1ms]"),
    "Consumer.from_": (FROM, "from: q", "from: r"),
    "Consumer.threads": (CONSUMER, "prefetch: 9", "prefetch: 9, threads: 2"),
    "Consumer.prefetch": (CONSUMER, "", "prefetch: 9"),
    "Consumer.retry": (CONSUMER, "", "retry: {}"),
    "Consumer.idempotent": (CONSUMER, "", "idempotent: true"),
    "Consumer.steps": (CONSUMER, "", "steps: [work: 1ms]"),
    "WorkStep.work": (STEP, "work: 1ms", "work: 2ms"),
    "WorkStep.id": (STEP, "work: 1ms", "work: 1ms, id: one"),
    "WaitStep.wait": (STEP, "wait: 1ms", "wait: 2ms"),
    "WaitStep.id": (STEP, "wait: 1ms", "wait: 1ms, id: one"),
    "CallStep.call": (STEP, "call: a.y", "call: a.z"),
    "CallStep.id": (CALL, "", "id: one"),
    "CallStep.timeout": (CALL, "", "timeout: 1s"),
    "CallStep.deadline": (CALL, "", "deadline: 1s"),
    "CallStep.cancel": (CALL, "", "cancel: all"),
    "CallStep.retry": (CALL, "", "retry: {}"),
    "CallStep.circuit_breaker": (CALL, "", "circuit_breaker: {}"),
    "CallStep.bulkhead": (CALL, "", "bulkhead: 9"),
    "CallStep.hedge": (CALL, "", "hedge: {after: 1s}"),
    "CallStep.fallback": (CALL, "", "fallback: {}"),
    "CallStep.throttle": (CALL, "", "throttle: {}"),
    "CallStep.priority": (CALL, "", "priority: 2"),
    "CallStep.protocol": (CALL, "", "protocol: grpc"),
    "Retry.attempts": (RETRY, "", "attempts: 9"),
    "Retry.backoff": (RETRY, "", "backoff: 9s"),
    "Retry.factor": (RETRY, "", "factor: 9"),
    "Retry.max_backoff": (RETRY, "", "max_backoff: 9s"),
    "Retry.jitter": (RETRY, "", "jitter: full"),
    "Retry.on": (RETRY, "", "on: [error]"),
    "Retry.budget": (RETRY, "", "budget: {}"),
    "Budget.kind": (RETRY, "budget: {}", "budget: {kind: grpc}"),
    "Budget.ratio": (RETRY, "budget: {}", "budget: {ratio: 9%}"),
    "Budget.burst": (RETRY, "budget: {}", "budget: {burst: 9}"),
    "Budget.minimum": (RETRY, "budget: {}", "budget: {minimum: 9/s}"),
    "Budget.max_tokens": (RETRY, "budget: {kind: grpc}", "budget: {kind: grpc, max_tokens: 9}"),
    "Budget.token_ratio": (RETRY, "budget: {kind: grpc}", "budget: {kind: grpc, token_ratio: 9%}"),
    "CircuitBreaker.failure_rate": (BREAKER, "", "failure_rate: 9%"),
    "CircuitBreaker.consecutive": (BREAKER, "", "consecutive: 9"),
    "CircuitBreaker.slow_call": (BREAKER, "", "slow_call: {rate: 9%, duration: 1s}"),
    "CircuitBreaker.window": (BREAKER, "", "window: 10s"),
    "CircuitBreaker.minimum_calls": (BREAKER, "", "minimum_calls: 9"),
    "CircuitBreaker.open_for": (BREAKER, "", "open_for: 9s"),
    "CircuitBreaker.trial_calls": (BREAKER, "", "trial_calls: 9"),
    "SlowCall.rate": (BREAKER, "slow_call: {rate: 9%, duration: 1s}", "slow_call: {rate: 8%, duration: 1s}"),
    "SlowCall.duration": (BREAKER, "slow_call: {rate: 9%, duration: 1s}", "slow_call: {rate: 9%, duration: 2s}"),
    "Hedge.after": (CALL, "hedge: {after: 1s}", "hedge: {after: 2s}"),
    "Throttle.k": (CALL, "throttle: {}", "throttle: {k: 3}"),
    "Throttle.window": (CALL, "throttle: {}", "throttle: {window: 3s}"),
    "Fallback.steps": (CALL, "fallback: {}", "fallback: {steps: [work: 1ms]}"),
    "ParallelStep.parallel": (STEP, "parallel: [work: 1ms]", "parallel: [work: 1ms, wait: 1ms]"),
    "ParallelStep.need": (STEP, "parallel: 3, steps: []", "parallel: 3, steps: [], need: 2"),
    "ParallelStep.steps": (STEP, "parallel: 3, steps: []", "parallel: 3, steps: [work: 1ms]"),
    "ParallelStep.id": (STEP, "parallel: 3, steps: []", "parallel: 3, steps: [], id: one"),
    "ChooseStep.choose": (STEP, "choose: [{}]", "choose: [{}, {}]"),
    "ChooseStep.id": (STEP, "choose: [{}]", "choose: [{}], id: one"),
    "Branch.weight": (STEP, "choose: [{}, {}]", "choose: [{}, {weight: 2}]"),
    "Branch.steps": (STEP, "choose: [{}, {}]", "choose: [{}, {steps: [work: 1ms]}]"),
    "RepeatStep.repeat": (STEP, "repeat: 2, steps: []", "repeat: 3, steps: []"),
    "RepeatStep.steps": (STEP, "repeat: 2, steps: []", "repeat: 2, steps: [work: 1ms]"),
    "RepeatStep.id": (STEP, "repeat: 2, steps: []", "repeat: 2, steps: [], id: one"),
    "ReadStep.read": (STEP, "read: db", "read: cache"),
    "ReadStep.id": (STEP, "read: db", "read: db, id: one"),
    "ReadStep.timeout": (STEP, "read: db", "read: db, timeout: 1s"),
    "ReadStep.cache": (STEP, "read: db", "read: db, cache: {store: cache, hit: 90%}"),
    "Cache.store": (STEP, "read: db, cache: {store: db, hit: 90%}", "read: db, cache: {store: cache, hit: 90%}"),
    "Cache.hit": (STEP, "read: db, cache: {store: cache, hit: 80%}", "read: db, cache: {store: cache, hit: 90%}"),
    "Cache.keys": (
        STEP,
        "read: db, cache: {store: cache, keys: 8}",
        "read: db, cache: {store: cache, keys: zipf(n=9 s=1)}",
    ),
    "Cache.capacity": (
        STEP,
        "read: db, cache: {store: cache, keys: 8}",
        "read: db, cache: {store: cache, keys: 8, capacity: 1}",
    ),
    "Cache.ttl": (
        STEP,
        "read: db, cache: {store: cache, keys: 8}",
        "read: db, cache: {store: cache, keys: 8, ttl: 1s}",
    ),
    "Cache.single_flight": (
        STEP,
        "read: db, cache: {store: cache, keys: 8}",
        "read: db, cache: {store: cache, keys: 8, single_flight: true}",
    ),
    "WriteStep.write": (STEP, "write: db", "write: cache"),
    "WriteStep.id": (STEP, "write: db", "write: db, id: one"),
    "WriteStep.timeout": (STEP, "write: db", "write: db, timeout: 1s"),
    "PublishStep.publish": (STEP, "publish: q", "publish: t"),
    "PublishStep.id": (STEP, "publish: q", "publish: q, id: one"),
    "PublishStep.outbox": (STEP, "publish: q", "publish: q, outbox: true"),
    "PublishStep.key": (STEP, "publish: t", "publish: t, key: 7"),
    "PublishStep.timeout": (STEP, "publish: q", "publish: q, timeout: 1s"),
    "SagaStep.saga": (STEP, "saga: [{do: {work: 1ms}}]", "saga: [{do: {work: 1ms}}, {do: {work: 1ms}}]"),
    "SagaStep.id": (STEP, "saga: [{do: {work: 1ms}}]", "saga: [{do: {work: 1ms}}], id: one"),
    "SagaItem.do": (STEP, "saga: [{do: {work: 1ms}}]", "saga: [{do: {work: 2ms}}]"),
    "SagaItem.undo": (STEP, "saga: [{do: {work: 1ms}}]", "saga: [{do: {work: 1ms}, undo: {work: 1ms}}]"),
    "FailStep.fail": (STEP, "fail: 1%", "fail: 2%"),
    "FailStep.id": (STEP, "fail: 1%", "fail: 1%, id: one"),
    "FailStep.status": (STEP, "fail: 1%", "fail: 1%, status: 404"),
    "FailStep.kind": (STEP, "fail: 1%", "fail: 1%, kind: crash"),
    "GroupStep.steps": (STEP, "steps: []", "steps: [work: 1ms]"),
    "GroupStep.id": (STEP, "steps: []", "steps: [], id: one"),
    "Store.kind": (STORE, "", "kind: redis"),
    "Store.owner": (STORE, "", "owner: a"),
    "Store.connections": (STORE, "", "connections: 3"),
    "Store.read": (STORE, "", "read: 3ms"),
    "Store.write": (STORE, "", "write: 3ms"),
    "Store.zone": (STORE, "", "zone: z1"),
    "Store.cost": (STORE, "", "cost: 3/h"),
    "Channel.kind": (QUEUE, "", "kind: topic"),
    "Channel.broker": (QUEUE, "", "broker: embedded"),
    "Channel.publish": (QUEUE, "", "publish: 3ms"),
    "Channel.max_length": (QUEUE, "", "max_length: 3"),
    "Channel.overflow": (QUEUE, "max_length: 3", "max_length: 3, overflow: reject_publish"),
    "Channel.dead_letter": (QUEUE, "", "dead_letter: dead"),
    "Channel.partitions": (TOPIC, "", "partitions: 9"),
    "Channel.rebalance": (TOPIC, "", "rebalance: 9s"),
    "Channel.relay": (QUEUE, "", "relay: 9s"),
    "Channel.zone": (QUEUE, "", "zone: z1"),
    "Channel.cost": (QUEUE, "", "cost: 3/h"),
    "Source.target": (SOURCE, "target: a.x, rate: 1/s, for: 1s", "target: a.y, rate: 1/s, for: 1s"),
    "Source.journey": (SOURCE, "journey: [a.x], rate: 1/s, for: 1s", "journey: [a.x, a.y], rate: 1/s, for: 1s"),
    "Source.rate": (SOURCE, "target: a.x, rate: 1/s, for: 1s", "target: a.x, rate: 2/s, for: 1s"),
    "Source.for_": (SOURCE, "target: a.x, rate: 1/s, for: 1s", "target: a.x, rate: 1/s, for: 2s"),
    "Source.stages": (
        SOURCE,
        "target: a.x, stages: [{rate: 1/s, for: 1s}]",
        "target: a.x, stages: [{rate: 1/s, for: 1s}, {rate: 1/s, for: 1s}]",
    ),
    "Source.at": (SOURCE, "target: a.x, at: [0s]", "target: a.x, at: [0s, 500ms]"),
    "Source.replay": (SOURCE, "target: a.x, replay: one.csv", "target: a.x, replay: two.csv"),
    "Source.users": (SOURCE, "target: a.x, users: 1, for: 1s", "target: a.x, users: 2, for: 1s"),
    "Source.think": (SOURCE, "target: a.x, users: 1, for: 1s", "target: a.x, users: 1, for: 1s, think: 1s"),
    "Source.arrivals": (RATE, "", "arrivals: constant"),
    "Source.start": (RATE, "", "start: 1s"),
    "Source.count": (RATE, "", "count: 1"),
    "Source.timeout": (RATE, "", "timeout: 1s"),
    "Source.retry": (RATE, "", "retry: {}"),
    "Source.priority": (RATE, "", "priority: 2"),
    "Stage.rate": (
        SOURCE,
        "target: a.x, stages: [{rate: 1/s, for: 1s}]",
        "target: a.x, stages: [{rate: 1/s -> 2/s, for: 1s}]",
    ),
    "Stage.for_": (
        SOURCE,
        "target: a.x, stages: [{rate: 1/s, for: 1s}]",
        "target: a.x, stages: [{rate: 1/s, for: 2s}]",
    ),
    "WeightedTarget.weight": (
        SOURCE,
        "rate: 1/s, for: 1s, target: [{target: a.x}, {target: a.y}]",
        "rate: 1/s, for: 1s, target: [{target: a.x, weight: 2}, {target: a.y}]",
    ),
    "WeightedTarget.target": (
        SOURCE,
        "rate: 1/s, for: 1s, target: [{target: a.x}, {target: a.y}]",
        "rate: 1/s, for: 1s, target: [{target: a.x}, {target: a.x}]",
    ),
    "Visit.target": (JOURNEY, "a.x", "a.y"),
    "Visit.timeout": (VISIT, "", "timeout: 1s"),
    "Visit.retry": (VISIT, "", "retry: {}"),
    "Visit.priority": (VISIT, "", "priority: 2"),
    "Visit.continue_": (VISIT, "", "continue: true"),
    "Visit.think": (VISIT, "", "think: 1s"),
    "Think.think": (JOURNEY, "a.x, {think: 1s}, a.y", "a.x, {think: 2s}, a.y"),
    "JourneyChoose.choose": (JOURNEY, "a.x, {choose: [{}]}", "a.x, {choose: [{}, {}]}"),
    "JourneyBranch.weight": (JOURNEY, "a.x, {choose: [{}, {}]}", "a.x, {choose: [{}, {weight: 2}]}"),
    "JourneyBranch.journey": (JOURNEY, "a.x, {choose: [{}, {}]}", "a.x, {choose: [{}, {journey: [a.y]}]}"),
    "JourneyRepeat.repeat": (JOURNEY, "{repeat: 2, journey: [a.x]}", "{repeat: 3, journey: [a.x]}"),
    "JourneyRepeat.journey": (JOURNEY, "{repeat: 2, journey: [a.x]}", "{repeat: 2, journey: [a.y]}"),
    **_timing("CrashFault", "crash: a", True),
    **_timing("SlowFault", "slow: a, by: 2x", True),
    **_timing("FailFault", "fail: a", True),
    **_timing("CutFault", "cut: a -> b", False),
    **_timing("DelayFault", "delay: a -> b, add: 1s", False),
    **_timing("DropFault", "drop: a -> b, rate: 1%", False),
    **_timing("PauseFault", "pause: a", True),
    **_timing("ZoneFault", "zone: z1", False),
    **_timing("DeployFault", "deploy: a", False, lasts=False),
    **_timing("ChangeFault", "change: {services.a.replicas: 4}", False),
    **_faults(
        "at: 1s",
        ("CrashFault.crash", "crash: a", "crash: b"),
        ("SlowFault.slow", "slow: a, by: 2x", "slow: db, by: 2x"),
        ("SlowFault.by", "slow: a, by: 2x", "slow: a, by: 3x"),
        ("SlowFault.add", "slow: a, add: 2s", "slow: a, add: 3s"),
        ("FailFault.fail", "fail: a", "fail: a.x"),
        ("FailFault.rate", "fail: a", "fail: a, rate: 1%"),
        ("FailFault.status", "fail: a", "fail: a, status: 404"),
        ("FailFault.how", "fail: a", "fail: a, kind: crash"),
        ("CutFault.cut", "cut: a -> b", "cut: clients -> b"),
        ("DelayFault.delay", "delay: a -> b, add: 1s", "delay: a -> db, add: 1s"),
        ("DelayFault.add", "delay: a -> b, add: 1s", "delay: a -> b, add: 2s"),
        ("DropFault.drop", "drop: a -> b, rate: 1%", "drop: b -> a, rate: 1%"),
        ("DropFault.rate", "drop: a -> b, rate: 1%", "drop: a -> b, rate: 2%"),
        ("PauseFault.pause", "pause: a", "pause: db"),
        ("ZoneFault.zone", "zone: z1", "zone: z2"),
        ("DeployFault.deploy", "deploy: a", "deploy: b"),
        ("DeployFault.changes", "deploy: a", "deploy: a, changes: {threads: 3}"),
        ("DeployFault.max_unavailable", "deploy: a", "deploy: a, max_unavailable: 2"),
        ("DeployFault.canary", "deploy: a", "deploy: a, canary: 10%"),
        ("DeployFault.canary_for", "deploy: a, canary: 10%", "deploy: a, canary: 10%, canary_for: 1s"),
        ("ChangeFault.change", "change: {services.a.replicas: 4}", "change: {services.a.replicas: 5}"),
    ),
}

GENERATION_ONLY = {
    "SystemModel.msforge": "the version of the language",
    "Endpoint.request": "the shape of a request in generated code",
    "Endpoint.response": "the shape of an answer in generated code",
}
