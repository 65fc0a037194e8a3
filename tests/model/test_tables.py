"""The plan of a small system, table by table, exactly."""

from __future__ import annotations

from msforge.model.plan import (
    NEVER,
    NONE,
    PLAIN,
    UNLIMITED,
    Body,
    Breaker,
    CallPolicy,
    Channel,
    Consumer,
    Edge,
    Network,
    Objective,
    Retry,
    Run,
    Service,
    Source,
    Stage,
    Step,
    Store,
    Verb,
)
from msforge.policies.distributions import Dist
from msforge.records import SECOND, Outcome
from tests.model.plans import plan, service, step

MS = 1_000_000
TEXT = """
name: small
services:
  a:
    replicas: 2
    threads: unlimited
    queue: unlimited
    cpu: 2
    zones: [north, south]
    endpoints:
      x:
        http: GET /x
        steps:
          - call: b.y
            timeout: 200ms
            retry: {attempts: 3, backoff: 50ms, jitter: full, on: [timeout, error]}
            circuit_breaker: {window: 20, open_for: 5s}
            fallback: {steps: [work: 1ms]}
          - call: a.local
      local: {}
  b:
    endpoints:
      y: {grpc: shop.B/Y, steps: [write: db, publish: jobs]}
    consumers:
      run: {from: jobs, threads: 4, prefetch: 8, idempotent: true}
stores: {db: {owner: b, zone: south, connections: unlimited, write: exponential(4ms)}}
channels: {jobs: {max_length: 10, overflow: reject_publish, dead_letter: failed}}
network: {latency: 1ms}
traffic: {users: {target: a.x, start: 1s, stages: [{rate: 5/s -> 10/s, for: 20s}], timeout: 2s}}
objectives: {a.x: [p99 < 800ms], users: ["success >= 99%"]}
simulation: {warmup: 2s, seed: 7, replications: 3}
"""
ALWAYS = tuple(sorted((Outcome.ERROR, Outcome.TIMEOUT, Outcome.OVERLOADED, Outcome.UNAVAILABLE, Outcome.RESET)))


def at(ms: float) -> Dist:
    return Dist("constant", (ms * MS,))


def test_services_and_bodies() -> None:
    system = plan(TEXT)
    assert (system.name, system.zones) == ("small", ("north", "south"))
    common = {
        "discipline": "fifo",
        "balance": "round_robin",
        "client_balancer": False,
        "rate": 0.0,
        "burst": 0,
        "detect": 0,
        "startup": at(0),
        "autoscale": None,
        "function": None,
        "cost_per_hour": 0.0,
        "external": False,
    }
    assert [s for s in system.services if s.name == "b"] == [
        Service(index=1, name="b", bodies=(2, 3), replicas=1, threads=16, queue=100, cpu=None, zones=(), **common)
    ]
    a = service(system, "a")
    assert (a.bodies, a.replicas, a.threads, a.queue, a.zones) == ((0, 1), 2, UNLIMITED, UNLIMITED, (0, 1))
    assert a.cpu is not None
    assert (a.cpu.cores, a.cpu.sharing) == (2.0, False)  # an event loop serves its work in order
    assert system.bodies == (
        Body(0, 0, "x", (0, 2), idempotent=True, http="GET /x"),
        Body(1, 0, "local", (), http="POST /local"),
        Body(2, 1, "y", (3, 4), grpc="shop.B/Y"),
        Body(3, 1, "run", (), consumer=0, idempotent=True),
    )


def test_steps_and_edges() -> None:
    system = plan(TEXT)
    place = "services.a.endpoints.x.steps"
    policy = CallPolicy(
        timeout=200 * MS,
        fallback=(1,),
        protocol="grpc",
        retry=Retry(3, 50 * MS, 2.0, NEVER, "full", tuple(sorted((Outcome.TIMEOUT, Outcome.ERROR)))),
        breaker=Breaker(0.5, 0, 2.0, 0, 20, False, 20, 5 * SECOND, 10),
    )
    assert system.steps == (
        Step(0, Verb.CALL, "call b.y#0", f"{place}[0]", 0, 0, target=2, edge=0, policy=policy),
        Step(1, Verb.WORK, "work#0", f"{place}[0].fallback.steps[0]", 0, 0, dist=at(1)),
        Step(2, Verb.CALL, "call a.local#0", f"{place}[1]", 0, 0, target=1, edge=1, policy=PLAIN),
        Step(3, Verb.WRITE, "write db#0", "services.b.endpoints.y.steps[0]", 1, 2, target=0),
        Step(4, Verb.PUBLISH, "publish jobs#0", "services.b.endpoints.y.steps[1]", 1, 2, target=0),
        Step(
            5,
            Verb.CALL,
            "call a.x#0",
            "traffic.users.target",
            NONE,
            NONE,
            target=0,
            policy=CallPolicy(timeout=2 * SECOND),
        ),
    )
    assert system.edges == (Edge(0, 0, 0, 2, False), Edge(1, 2, 0, 1, True))


def test_what_is_shared() -> None:
    system = plan(TEXT)
    assert system.stores == (Store(0, "db", "postgres", 1, UNLIMITED, at(1), Dist("exponential", (4.0 * MS,)), zone=1),)
    dead = Channel(1, "failed", False, "rabbitmq", at(1), UNLIMITED, False, NONE, 0, 0, SECOND, ())
    assert system.channels == (
        Channel(0, "jobs", False, "rabbitmq", at(1), 10, True, 1, 0, 0, SECOND, (0,)),
        dead,
    )
    once = Retry(1, 0, 1.0, NEVER, "none", ALWAYS)
    assert system.consumers == (Consumer(0, 3, 1, 0, 4, 8, once, True),)
    assert system.network == Network(at(1), None, 0.0, 4096)


def test_traffic_objectives_and_run() -> None:
    system = plan(TEXT)
    assert system.sources == (
        Source(
            index=0,
            name="users",
            journey=(5,),
            single=True,
            arrivals="poisson",
            stages=(Stage(5.0, 10.0, 20 * SECOND),),
            burst=(),
            times=(),
            start=SECOND,
            count=UNLIMITED,
            users=0,
            think=None,
            policy=CallPolicy(timeout=2 * SECOND),
        ),
    )
    assert system.objectives == (
        Objective(0, "p99 < 800ms", 0, NONE, "p99", True, 800.0 * MS, True),
        Objective(1, "success >= 99%", NONE, 0, "success", False, 0.99, False),
    )
    assert system.run == Run(21 * SECOND, 2 * SECOND, 30 * SECOND, 7, 3)


def test_blocks_of_every_kind_of_container() -> None:
    system = plan("""
services:
  a:
    endpoints:
      x:
        steps:
          - {parallel: 3, need: any, steps: [work: 1ms, wait: 1ms]}
          - parallel: [work: 1ms, {steps: [work: 1ms, wait: 1ms]}]
          - choose: [{weight: 1}, {weight: 3, steps: [work: 1ms]}]
          - {repeat: uniform(2 4), steps: [work: 1ms]}
          - saga: [{do: {work: 1ms}, undo: [work: 1ms, wait: 1ms]}, {do: [wait: 1ms]}]
          - {parallel: [], need: any}
""")
    place = "services.a.endpoints.x.steps"
    copies, branches, choice, repeat, saga, empty = [step(system, f"{place}[{i}]") for i in range(6)]
    assert (copies.copies, copies.need, copies.blocks) == (3, 1, ((1, 2),))
    assert (branches.copies, branches.need, branches.blocks) == (1, 2, ((4,), (5,)))
    assert step(system, f"{place}[1].parallel[1]").blocks == ((6, 7),)
    assert (choice.blocks, choice.weights) == (((), (9,)), (0.25, 0.75))
    assert (repeat.blocks, repeat.dist) == (((11,),), Dist("uniform", (2.0, 4.0)))
    assert saga.blocks == ((13,), (14, 15), (16,), ())
    assert [system.steps[i].path for i in (13, 15)] == [f"{place}[4].saga[0].do[0]", f"{place}[4].saga[0].undo[1]"]
    assert (empty.blocks, empty.need) == ((), 0)


def test_a_function_starts_cold_and_serves_one_request_an_instance() -> None:
    a = service(plan("services: {a: {function: {cold_start: 300ms, keep_alive: 60s}, endpoints: {x: {}}}}"), "a")
    assert a.function is not None
    assert (a.replicas, a.threads, a.queue) == (0, 1, 0)
    assert (a.function.cold_start, a.function.keep_alive) == (at(300), 60 * SECOND)


def test_topics() -> None:
    system = plan("""
services: {a: {endpoints: {x: {steps: [{publish: t, key: zipf(n=9 s=1)}]}},
               consumers: {c: {from: t, retry: {attempts: unlimited, backoff: 1s}}}}}
channels: {t: {kind: topic, partitions: 6, rebalance: 2s, dead_letter: t-dead}}
""")
    topic, dead = system.channels
    assert (topic.topic, topic.broker, topic.partitions, topic.rebalance) == (True, "kafka", 6, 2 * SECOND)
    assert (dead.name, dead.topic, dead.broker) == ("t-dead", False, "rabbitmq")  # implied: always a queue
    assert system.consumers[0].retry.attempts == UNLIMITED
    assert step(system, "services.a.endpoints.x.steps[0]").key == Dist("zipf", (9.0, 1.0))
