"""What a generated service says about itself in readable literals: its numbers, in ns; -1 is never or unlimited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msforge.policies.distributions import Dist
from msforge.records import Outcome

US: Final = 1_000
MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND

NOTHING: Final = Dist("constant", (0.0,))
"""The distribution of what takes no time."""

RETRIED: Final = frozenset(("error", "timeout", "overloaded", "unavailable", "reset"))
"""The outcomes that are retried unless a file says otherwise."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What retries are paid from. `kind` is `ratio` (Finagle's) or `grpc`."""

    kind: str = "ratio"
    ratio: float = 0.2        # ratio: tokens earned per first try
    burst: int = 10           # ratio: most tokens, and where it starts
    minimum: float = 0.0      # ratio: retries a second always allowed
    max_tokens: int = 0       # grpc
    token_ratio: float = 0.0  # grpc


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how often a failed try is repeated."""

    attempts: int             # first try included
    backoff: int = 0          # ns before the second try
    factor: float = 2.0
    max_backoff: int = -1     # ns
    jitter: str = "none"      # none | full | equal | decorrelated
    on: frozenset[str] = RETRIED
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker's settings: `consecutive` > 0, or rates."""

    failure_rate: float       # above 1: never by rate
    consecutive: int = 0
    slow_rate: float = 2.0    # above 1: never by slowness
    slow_duration: int = 0    # ns
    window: int = 100         # calls, or ns when `timed`
    timed: bool = False
    minimum_calls: int = 10
    open_for: int = 5 * SECOND
    trial_calls: int = 3


@dataclass(frozen=True, slots=True)
class Throttle:
    """Client-side adaptive throttling (Site Reliability Engineering, ch. 21)."""

    k: float = 2.0
    window: int = 120 * SECOND


@dataclass(frozen=True, slots=True)
class Method:
    """A gRPC method, `package.Service/Method`, and the fields of its messages: (name, type), numbered in this order.

    Types are those of a description: string, integer, number, boolean, object, array.
    """

    name: str
    request: tuple[tuple[str, str], ...] = ()
    response: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call step: whom it asks, and the policies around it. `effect` is false when the endpoint is idempotent."""

    service: str
    endpoint: str
    method: str
    path: str
    word: str
    timeout: int = -1         # ns, per try
    deadline: int = -1        # ns, all tries
    cancel: str = "none"      # none | queued | all
    retry: Retry | None = None
    breaker: Breaker | None = None
    bulkhead: int = -1
    hedge: int = -1           # ns until the second try
    throttle: Throttle | None = None
    priority: int = 1         # 1 before 2
    effect: bool = True
    rpc: Method | None = None  # called over gRPC where its address is known
    name: str = field(init=False, default="")
    guarded: bool = field(init=False, default=False)    # has a breaker, bulkhead, throttle or budget
    plain: bool = field(init=False, default=False)      # has no policy at all
    retried: frozenset[int] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        retry = self.retry
        guarded = (
            self.breaker is not None or self.bulkhead >= 0 or self.throttle is not None
            or (retry is not None and retry.budget is not None)
        )
        plain = not guarded and retry is None and self.timeout < 0 and self.deadline < 0 and self.hedge < 0
        words = retry.on if retry is not None else ()
        object.__setattr__(self, "name", f"{self.service}.{self.endpoint}")
        object.__setattr__(self, "guarded", guarded)
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "retried", frozenset(int(Outcome[word.upper()]) for word in words))


@dataclass(frozen=True, slots=True)
class Cpu:
    """The CPU of one replica. `contention` and `coherency` are the universal scalability law's."""

    cores: float
    sharing: bool = True      # time-sliced; else first come, first served
    contention: float = 0.0
    coherency: float = 0.0


@dataclass(frozen=True, slots=True)
class Function:
    """What makes a service serverless: each request gets an instance of its own."""

    cold_start: Dist = NOTHING
    keep_alive: int = 0       # ns that an idle instance stays warm


@dataclass(frozen=True, slots=True)
class Service:
    """What one replica of a service may do at once."""

    name: str
    replicas: int = 1
    threads: int = 16
    queue: int = 100
    discipline: str = "fifo"  # fifo | lifo | priority
    cpu: Cpu | None = None
    rate: float = 0.0         # requests a second; 0 is no limit
    burst: int = 0
    latency: Dist = NOTHING   # ns, of one hop, one way
    zone_latency: Dist | None = None  # ns, added between different zones
    max_body: int = 1_048_576  # bytes of a request's body
    function: Function | None = None  # then threads and queue mean nothing
    bounds: tuple[int, ...] = ()  # ns; limits of its objectives, which its histogram counts by as well


@dataclass(frozen=True, slots=True)
class Target:
    """How requests are spread over the replicas of a called service."""

    balance: str = "round_robin"  # round_robin | random | least_connections | power_of_two
    client: bool = False          # one balancer in each calling replica, not one for all


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service's reader of a channel; a topic's consumers of one service form its `group`."""

    name: str
    channel: str
    group: str
    topic: bool
    threads: int
    prefetch: int
    retry: Retry
    idempotent: bool = False
    word: str = ""            # consume service.consumer


@dataclass(frozen=True, slots=True)
class Channel:
    """A queue or a topic."""

    name: str
    topic: bool = False
    publish: Dist = NOTHING   # ns until the broker has a message
    max_length: int = -1
    reject: bool = False      # a full queue refuses the new message, instead of dropping the oldest
    dead_letter: str = ""
    partitions: int = 1
    rebalance: int = 0        # ns
    relay: int = 0            # ns between two looks of the outbox's relay
    embedded: bool = False    # `broker: embedded`: no server takes it


@dataclass(frozen=True, slots=True)
class Store:
    """A database or cache that serves `connections` operations at once."""

    name: str
    kind: str = "postgres"
    connections: int = -1
    read: Dist = NOTHING
    write: Dist = NOTHING


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache in front of a read: hits are drawn by `hit`, or `keys` are and its contents decide."""

    store: Store
    hit: float = -1.0
    keys: Dist | None = None
    capacity: int = -1
    ttl: int = -1             # ns
    single_flight: bool = False
