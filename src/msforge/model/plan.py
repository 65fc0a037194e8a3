"""The System: a frozen, flat, integer-indexed plan of a description.

Every reference is an index into one of the tables of `System`; -1 means none. Every
duration is integer nanoseconds or a `Dist` in nanoseconds; -1 means never / unlimited.
Defaults are filled in. Any engine that runs this plan must give the same Records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from msforge.policies.distributions import Dist

NONE = -1
UNLIMITED = -1
NEVER = -1
CLIENTS = -2
"""In `Fault.caller`: whoever sends traffic, instead of a service."""

Block = tuple[int, ...]
"""Step indices run in order."""


class Verb(IntEnum):
    """What a step does."""

    WORK = 0
    WAIT = 1
    CALL = 2
    PARALLEL = 3
    CHOOSE = 4
    REPEAT = 5
    READ = 6
    WRITE = 7
    PUBLISH = 8
    SAGA = 9
    FAIL = 10
    THINK = 11      # journeys only: the client's think time
    GROUP = 12      # `steps:` alone: a branch of several steps


@dataclass(frozen=True, slots=True)
class Budget:
    """A retry budget. `kind` is `ratio` (Finagle's) or `grpc`."""

    kind: str
    ratio: float = 0.0            # ratio: tokens earned per first try
    burst: int = 0                # ratio: most tokens, and where it starts
    minimum: float = 0.0          # ratio: retries a second always allowed
    max_tokens: int = 0           # grpc
    token_ratio: float = 0.0      # grpc


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how often a failed try is repeated."""

    attempts: int                 # first try included; UNLIMITED
    backoff: int                  # ns before the second try
    factor: float
    max_backoff: int              # ns; NEVER = no limit
    jitter: str                   # none | full | equal | decorrelated
    on: tuple[int, ...]           # Outcomes that are retried
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker's settings. Either `consecutive` > 0 or a rate threshold."""

    failure_rate: float           # 0..1; > 1 = never by rate
    consecutive: int              # 0 = by rate
    slow_rate: float              # 0..1; > 1 = never by slowness
    slow_duration: int            # ns
    window: int                   # calls (count window), or ns when `timed`
    timed: bool
    minimum_calls: int
    open_for: int                 # ns
    trial_calls: int


@dataclass(frozen=True, slots=True)
class Throttle:
    """Client-side adaptive throttling (Site Reliability Engineering, ch. 21)."""

    k: float
    window: int                   # ns


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """All that surrounds a call. The order of application is written in `docs/semantics.md`."""

    timeout: int = NEVER          # ns, per try
    deadline: int = NEVER         # ns, whole call
    cancel: str = "none"          # none | queued | all
    retry: Retry | None = None
    breaker: Breaker | None = None
    bulkhead: int = UNLIMITED
    hedge: int = NEVER            # ns until the second try
    fallback: Block | None = None  # steps run in the caller; None = no fallback; () = answers at once
    throttle: Throttle | None = None
    priority: int = 1             # 1 before 2
    protocol: str = "http"


PLAIN = CallPolicy()


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache in front of a store read."""

    store: int                    # the cache's own store
    hit: float                    # probability, or -1 when keys are drawn
    keys: Dist | None = None      # a zipf (or other) distribution of key numbers
    capacity: int = UNLIMITED     # entries, least recently used leaves
    ttl: int = NEVER              # ns
    single_flight: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a body or journey. Only the fields of its verb are meaningful."""

    index: int
    verb: Verb
    word: str                     # its word in draw keys: its id, or verb, target and ordinal; no sibling has the same
    path: str                     # where it is written, e.g. services.order.endpoints.place.steps[1]
    service: int                  # owner; -1 for a journey step
    body: int                     # owner body; -1 for a journey step
    dist: Dist | None = None      # WORK WAIT THINK: ns; REPEAT: a count
    target: int = NONE            # CALL: body; READ WRITE: store; PUBLISH: channel
    edge: int = NONE              # CALL: index in System.edges
    policy: CallPolicy = PLAIN    # CALL
    blocks: tuple[Block, ...] = ()  # PARALLEL CHOOSE branches, REPEAT GROUP one, SAGA do, undo, do, undo ...
    weights: tuple[float, ...] = ()  # CHOOSE, summing to 1
    need: int = 0                 # PARALLEL: successes to wait for (all = number of branches)
    copies: int = 1               # PARALLEL: times blocks[0] runs at once when > 1 or given as a number
    timeout: int = NEVER          # READ WRITE PUBLISH
    cache: Cache | None = None    # READ
    rate: float = 0.0             # FAIL: probability
    status: int = 500             # FAIL
    crash: bool = False           # FAIL: kills the replica
    outbox: bool = False          # PUBLISH
    key: Dist | None = None       # PUBLISH to a topic: key numbers; None = round robin
    keep_going: bool = False      # journey CALL: a failure does not end the journey
    name: str = ""                # the user's `id`, or ""


@dataclass(frozen=True, slots=True)
class Body:
    """An endpoint of a service, or a consumer of a channel: something that runs steps."""

    index: int
    service: int
    name: str                     # e.g. place; with the service: order.place
    block: Block
    consumer: int = NONE          # index in System.consumers
    idempotent: bool = False
    http: str = ""                # e.g. POST /orders; empty for gRPC and for consumers
    grpc: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A call step seen as an arrow. One per CALL step, journeys excluded."""

    index: int
    step: int
    caller: int                   # body
    callee: int                   # body
    local: bool                   # callee in the same service: runs in place


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service's reader of a channel. A topic's consumers of one service form its group."""

    index: int
    body: int
    service: int
    channel: int
    threads: int                  # per replica
    prefetch: int                 # per replica, unacknowledged; UNLIMITED
    retry: Retry
    idempotent: bool


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU of one replica."""

    cores: float
    sharing: bool                 # time-sliced; else first come, first served
    contention: float = 0.0       # universal scalability law
    coherency: float = 0.0


@dataclass(frozen=True, slots=True)
class Autoscale:
    """The Kubernetes HorizontalPodAutoscaler's settings."""

    minimum: int
    maximum: int
    metric: str                   # cpu | threads
    target: float                 # 0..1


@dataclass(frozen=True, slots=True)
class Function:
    """Serverless: one request per instance."""

    cold_start: Dist
    keep_alive: int               # ns
    cost_per_million: float
    memory: int                   # bytes
    cost_per_gib_second: float


@dataclass(frozen=True, slots=True)
class Service:
    """A deployable. Its replicas are numbered 0.. and spread over `zones` in turn."""

    index: int
    name: str
    bodies: tuple[int, ...]       # endpoints and consumers
    replicas: int
    threads: int                  # per replica; UNLIMITED = an event loop
    queue: int                    # waiting requests per replica; UNLIMITED
    discipline: str               # fifo | lifo | priority
    cpu: Cpu | None
    balance: str                  # round_robin | random | least_connections | power_of_two
    client_balancer: bool
    rate: float                   # rate limit per replica, requests a second; 0 = none
    burst: int
    detect: int                   # ns until the balancer knows of a crash
    startup: Dist                 # ns until a new replica is ready
    autoscale: Autoscale | None
    function: Function | None
    cost_per_hour: float          # per replica
    zones: tuple[int, ...]
    external: bool
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Store:
    """A database or cache: a service station with `connections` servers."""

    index: int
    name: str
    kind: str
    owner: int                    # service; -1
    connections: int              # UNLIMITED
    read: Dist
    write: Dist
    zone: int = NONE
    cost_per_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class Channel:
    """A message queue or topic."""

    index: int
    name: str
    topic: bool
    broker: str
    publish: Dist                 # ns until the broker has the message
    max_length: int               # queue; UNLIMITED
    reject: bool                  # queue full: reject_publish, else drop_head
    dead_letter: int              # channel; -1
    partitions: int               # topic
    rebalance: int                # topic, ns
    relay: int                    # ns: an outbox is relayed after this at the latest
    consumers: tuple[int, ...]
    zone: int = NONE
    cost_per_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class Network:
    """Latency of one hop, one way."""

    latency: Dist
    zone_latency: Dist | None     # added between different zones
    zone_cost_per_gib: float
    message_bytes: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of a ramping arrival rate, linear from `begin` to `end` (per second)."""

    begin: float
    end: float
    duration: int                 # ns


@dataclass(frozen=True, slots=True)
class Source:
    """Where traffic comes from. Exactly one of stages, times, users drives it."""

    index: int
    name: str
    journey: Block                # a single target is a journey of one CALL
    single: bool                  # a plain `target`
    arrivals: str                 # poisson | constant | bursty | given | closed
    stages: tuple[Stage, ...]
    burst: tuple[float, ...]      # bursty: on mean ns, off mean ns, peak factor (see language reference)
    times: tuple[int, ...]        # given: ns of run time, sorted
    start: int                    # ns; 0 when times are given
    count: int                    # arrivals at most; UNLIMITED
    users: int                    # closed loop
    think: Dist | None            # closed loop: before each turn. Pauses inside a journey are THINK steps
    policy: CallPolicy            # the client's timeout, retry, priority; each journey CALL has its own
    end: int = NEVER              # ns of run time at which no new arrival or turn begins; NEVER = as its drive says
    turns: tuple[tuple[int, int], ...] = ()   # closed loop that repeats a run: number and ns of run time of each turn


@dataclass(frozen=True, slots=True)
class Fault:
    """A timed change. `at` fixed, or `every` drawn; `duration` None = to the end."""

    index: int
    word: str                     # its word in draw keys
    path: str
    kind: str                     # crash slow fail cut delay drop pause zone deploy change
    at: int                       # ns; NEVER when `every` is given
    every: Dist | None
    duration: Dist | None
    service: int = NONE
    store: int = NONE
    body: int = NONE
    channel: int = NONE           # cut delay drop: the channel at either end of the link
    caller: int = NONE            # cut delay drop: service; CLIENTS; NONE = `channel` delivers to `callee`
    callee: int = NONE            # service; NONE = a store, or `channel` is published to
    callee_store: int = NONE
    zone: int = NONE
    replicas: str = "all"         # all | each | some
    number: int = 0               # some: how many, drawn
    factor: float = 1.0           # slow by
    add: Dist | None = None       # slow add, delay
    rate: float = 0.0             # fail, drop
    status: int = 500
    crash: bool = False           # fail: kind crash
    max_unavailable: int = 1      # deploy
    canary: float = 0.0           # deploy: share of replicas that change first, 0 = none
    canary_for: int = 0           # deploy: ns that the canary is watched
    changes: tuple[tuple[str, Any], ...] = ()  # change, deploy: dotted path and new value, as in --set
    label: str = ""               # as reports show it, e.g. "payment 10x slower"


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective: `metric operator limit`, e.g. p99 < 800 ms."""

    index: int
    text: str                     # as written
    body: int                     # endpoint it is about; -1
    source: int                   # or a source; -1
    metric: str                   # mean p50 p90 p95 p99 p99.9 max success error_rate throughput availability
    less: bool
    limit: float                  # ns for latencies, a ratio, or per second
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """How long and how often."""

    duration: int                 # ns, warm-up included
    warmup: int
    drain: int
    seed: int
    replications: int


@dataclass(frozen=True)
class System:
    """The whole plan. Compare, hash and pickle it freely; it never changes."""

    name: str
    services: tuple[Service, ...]
    bodies: tuple[Body, ...]
    consumers: tuple[Consumer, ...]
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    stores: tuple[Store, ...]
    channels: tuple[Channel, ...]
    zones: tuple[str, ...]
    network: Network
    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]
    objectives: tuple[Objective, ...]
    run: Run
    scenario: str = ""
    digest: str = ""              # sha256 of the resolved description, for the Result
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The description after its scenario as plain data; what `variant` overlays changes on."""
    file: str = field(default="", compare=False)      # where it came from, for messages
    folder: str = field(default="", compare=False)    # where files that it names are looked for
    overheads: Any = None
    """What a machine adds to it (`model.overheads.Overheads`), None for nothing. No file says this."""

    def __hash__(self) -> int:
        return hash((self.name, self.scenario, self.digest))

    def variant(self, changes: tuple[tuple[str, Any], ...]) -> System:
        """The plan after `changes` (dotted path, value), with the same names and so the same indices.

        Raises InvalidFileError when a change does not fit the language, or adds or
        removes a service, endpoint, consumer, store, channel or source.
        """
        changed = _compiler(self)(changes)
        return changed if self.overheads is None else self.overheads.on(changed)

    def speaking_grpc(self) -> frozenset[str]:
        """The services that have an endpoint with `grpc`."""
        return frozenset(self.services[body.service].name for body in self.bodies if body.grpc)

    def body_name(self, body: int) -> str:
        """`service.endpoint` of a body."""
        b = self.bodies[body]
        return f"{self.services[b.service].name}.{b.name}"


def _compiler(system: System) -> Callable[[tuple[tuple[str, Any], ...]], System]:
    from msforge.model.variants import variant_of

    return lambda changes: variant_of(system, changes)
