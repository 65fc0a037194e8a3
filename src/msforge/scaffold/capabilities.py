"""What each way of running a description honours of the language: one table, for the pages, `new` and `up`.

The simulation honours everything. A running system is real processes on a real machine, and some of the
language is beyond it: the table says which part, for each way, and what happens instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from msforge.model.plan import Fault, Source, Step, System, Verb
from msforge.scaffold.numbers import changeable
from msforge.scaffold.platform.wiring import products

WAYS: Final = ("simulation", "one process", "processes", "compose", "Kubernetes")
"""How a description can be run. `msforge up` is the second, `msforge up --processes` the third."""

YES: Final = "yes"
PARTLY: Final = "in part"
NO: Final = "no"

Users = Callable[[System], list[str]]
"""The names of what uses a feature in a plan; empty when nothing does."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A part of the language: how far each way of running honours it, and what happens where it is not."""

    name: str
    one_process: str
    processes: str
    used_by: Users
    instead: str = ""
    """What a running system does where it is honoured in part or not at all."""
    figure: bool = False
    """A figure of the simulation's report, no behaviour: the table has it, but nobody who starts a system is told."""

    def support(self, way: str) -> str:
        """How far `way` (one of WAYS) honours it: yes, in part, no."""
        own = {"simulation": YES, "one process": self.one_process, "processes": self.processes}
        if way in own:
            return own[way]
        found = CONTAINERS.get(self.name)
        return self.processes if found is None else found.compose if way == "compose" else found.kubernetes

    def instead_in(self, way: str) -> str:
        """What `way` does where it does not fully honour it."""
        found = CONTAINERS.get(self.name) if way in ("compose", "Kubernetes") else None
        return self.instead if found is None else found.instead


@dataclass(frozen=True, slots=True)
class Beyond:
    """A feature that a description uses and a way of running does not fully honour."""

    feature: str
    support: str
    used_by: tuple[str, ...]
    instead: str


def beyond(system: System, way: str) -> list[Beyond]:
    """What `system` uses that `way` (one of WAYS) does not fully honour, in the table's order."""
    found = []
    for feature in FEATURES:
        support = feature.support(way)
        if support == YES or feature.figure:
            continue
        users = feature.used_by(system)
        if users:
            found.append(Beyond(feature.name, support, tuple(users), feature.instead_in(way)))
    return found


def without_servers(found: Iterable[Beyond], servers: Iterable[str]) -> list[Beyond]:
    """The same, less the channels and stores that stand on one of these servers."""
    there = {*servers}
    made = []
    for item in found:
        users = item.used_by
        if item.feature in PRODUCTS:
            users = tuple(user for user in users if not there & {*products([user.rpartition("(")[2].rstrip(")")])})
        if users:
            made.append(replace(item, used_by=users))
    return made


PRODUCTS: Final = ("brokers as products", "stores as products")
"""The features whose users are named with their product."""


# -- who uses what ---------------------------------------------------------------------------


def _services(system: System, wanted: Callable[..., object]) -> list[str]:
    return [service.name for service in system.services if wanted(service)]


def _owner(system: System, step: Step) -> str:
    return system.body_name(step.body) if step.body >= 0 else "clients"


def _steps(system: System, wanted: Callable[[Step], object]) -> list[str]:
    return list(dict.fromkeys(_owner(system, step) for step in system.steps if wanted(step)))


def _calls(system: System, wanted: Callable[[Step], object]) -> list[str]:
    return _steps(system, lambda step: step.verb is Verb.CALL and wanted(step))


def _verb(*verbs: Verb) -> Users:
    return lambda system: _steps(system, lambda step: step.verb in verbs)


def _sources(system: System, wanted: Callable[[Source], object]) -> list[str]:
    return [source.name for source in system.sources if wanted(source)]


def _faults(*kinds: str) -> Users:
    return lambda system: _labels(fault for fault in system.faults if fault.kind in kinds)


def _labels(faults: Iterable[Fault]) -> list[str]:
    return [fault.label or fault.kind for fault in faults]


def _brokers(system: System) -> list[str]:
    return [f"{c.name} ({c.broker})" for c in system.channels if c.broker != "embedded"]


def _kinds(system: System) -> list[str]:
    return [f"{store.name} ({store.kind})" for store in system.stores if store.kind != "sqlite"]


def grpc_endpoints(system: System) -> list[str]:
    """The endpoints that are served over gRPC."""
    return [system.body_name(body.index) for body in system.bodies if body.grpc]


def _mistaken_protocols(system: System) -> list[str]:
    def mistaken(step: Step) -> bool:
        callee = system.bodies[step.target]
        return step.policy.protocol == "grpc" and not callee.grpc and callee.service != step.service

    return _calls(system, mistaken)


def _drawn_picks(system: System) -> list[str]:
    kinds = ("random", "power_of_two", "least_connections")
    return _services(system, lambda s: s.balance in kinds and not s.client_balancer and s.replicas > 1)


def _deployed_again(system: System) -> list[str]:
    return _labels(fault for fault in system.faults if fault.kind == "deploy" and fault.every is not None)


def in_the_code(system: System) -> list[str]:
    """The changes that a running system cannot do."""
    return _labels(fault for fault in system.faults if fault.changes and not changeable(system, fault))


FEATURES: Final = (
    Feature("threads, queues and their disciplines", YES, YES, lambda s: _services(s, lambda v: v.threads >= 0)),
    Feature(
        "cpu and its scaling", YES, YES, lambda s: _services(s, lambda v: v.cpu is not None),
        "work sleeps for as long as it would have the CPU; set BURN_CPU to burn it",
    ),
    Feature("rate limits", YES, YES, lambda s: _services(s, lambda v: v.rate > 0)),
    Feature("balancing, `balancer: client`", YES, YES, lambda s: _services(s, lambda v: v.replicas > 1)),
    Feature(
        "`random`, `least_connections` and `power_of_two` behind a shared balancer", YES, PARTLY, _drawn_picks,
        "the balancer is a process in between: same rule, its own draws",
    ),
    Feature(
        "network latency", YES, YES, lambda s: ["every hop"] if s.network.latency.mean > 0 else [],
        "the caller sleeps it, there and back, on top of what the real hop costs",
    ),
    Feature(
        "latency between zones", YES, YES, lambda s: list(s.zones) if s.network.zone_latency is not None else [],
    ),
    Feature("timeouts, deadlines, `cancel`", YES, YES, lambda s: _calls(s, lambda c: max(c.policy.timeout,
                                                                                     c.policy.deadline) >= 0)),
    Feature("retries and their budgets", YES, YES, lambda s: _calls(s, lambda c: c.policy.retry is not None)),
    Feature("circuit breakers", YES, YES, lambda s: _calls(s, lambda c: c.policy.breaker is not None)),
    Feature("bulkheads", YES, YES, lambda s: _calls(s, lambda c: c.policy.bulkhead >= 0)),
    Feature("hedges", YES, YES, lambda s: _calls(s, lambda c: c.policy.hedge >= 0)),
    Feature("throttles", YES, YES, lambda s: _calls(s, lambda c: c.policy.throttle is not None)),
    Feature("fallbacks", YES, YES, lambda s: _calls(s, lambda c: c.policy.fallback is not None)),
    Feature("parallel, choose, repeat", YES, YES, _verb(Verb.PARALLEL, Verb.CHOOSE, Verb.REPEAT)),
    Feature("sagas", YES, YES, _verb(Verb.SAGA)),
    Feature("`fail` steps", YES, YES, _verb(Verb.FAIL)),
    Feature("stores and their connections", YES, YES, _verb(Verb.READ, Verb.WRITE)),
    Feature("caches", YES, YES, lambda s: _steps(s, lambda step: step.cache is not None)),
    Feature("queues", YES, YES, lambda s: [c.name for c in s.channels if not c.topic]),
    Feature("topics", YES, YES, lambda s: [c.name for c in s.channels if c.topic]),
    Feature("outboxes", YES, YES, lambda s: _steps(s, lambda step: step.outbox)),
    Feature(
        "brokers as products", PARTLY, PARTLY, _brokers,
        "an embedded channel with the same rules; `--with rabbitmq,kafka` puts queues on RabbitMQ, topics on Kafka",
    ),
    Feature(
        "stores as products", PARTLY, PARTLY, _kinds,
        "SQLite, as slow and as narrow as the file says; `--with postgres,redis` puts them on servers",
    ),
    Feature("`grpc` endpoints", YES, YES, grpc_endpoints, "needs `msforge[grpc]`; without it, over HTTP"),
    Feature(
        "`protocol: grpc` to an endpoint that is `http`", PARTLY, PARTLY, _mistaken_protocols,
        "such a call goes over HTTP",
    ),
    Feature(
        "`language: node` and `java`", PARTLY, PARTLY, lambda s: _services(s, lambda v: v.language != "python"),
        "generated in Python",
    ),
    Feature("third parties (`external`)", YES, YES, lambda s: _services(s, lambda v: v.external)),
    Feature(
        "autoscaling", YES, YES, lambda s: _services(s, lambda v: v.autoscale is not None),
    ),
    Feature(
        "functions", YES, YES, lambda s: _services(s, lambda v: v.function is not None),
        "all instances of one are in one app: a cold start is waited for, and nothing is started",
    ),
    Feature(
        "crashes, `detect`, `startup`", YES, PARTLY, _faults("crash"),
        "a process comes back after `startup`, but no sooner than Python starts",
    ),
    Feature("slow, fail and pause faults", YES, YES, _faults("slow", "fail", "pause")),
    Feature("cut, delay and drop faults", YES, YES, _faults("cut", "delay", "drop")),
    Feature("zone faults", YES, YES, _faults("zone")),
    Feature("deployments", YES, YES, _faults("deploy")),
    Feature("deployments again and again", NO, NO, _deployed_again, "with `every`, the first alone"),
    Feature("changes while it runs", YES, YES, _faults("change")),
    Feature(
        "changes of what is in the code", NO, NO, in_the_code,
        "steps that come or go, `http`, `balancer`, partitions: left out; edit the file and `msforge sync`",
    ),
    Feature("open loops", YES, YES, lambda s: _sources(s, lambda v: v.arrivals != "closed")),
    Feature("closed loops", YES, YES, lambda s: _sources(s, lambda v: v.arrivals == "closed")),
    Feature("journeys", YES, YES, lambda s: _sources(s, lambda v: not v.single)),
    Feature(
        "objectives", PARTLY, PARTLY, lambda s: list(dict.fromkeys(o.text for o in s.objectives)),
        "as alert rules of Prometheus (`--with prometheus`); `msforge load` leaves the judging to you", figure=True,
    ),
    Feature(
        "costs", NO, NO, lambda s: _services(s, lambda v: v.cost_per_hour > 0), "ask the simulation",
        figure=True,
    ),
)
"""The table, in the order of docs/semantics.md."""



@dataclass(frozen=True, slots=True)
class Containers:
    """How far compose and Kubernetes honour a feature, where that is not as with processes."""

    compose: str
    kubernetes: str
    instead: str


_FAULTS = Containers(NO, NO, "`msforge fault` reaches no container; stop, pause or kill them with their own tools")
_SHARED = Containers(
    PARTLY, PARTLY, "on the servers of `broker` and `kind`; one that is `embedded` or SQLite is inside each replica"
)
CONTAINERS: Final = {
    "cpu and its scaling": Containers(
        PARTLY, PARTLY, "containers get the CPU of the file, but work sleeps unless BURN_CPU is set"
    ),
    "balancing, `balancer: client`": Containers(
        PARTLY, PARTLY, "always in the caller, over the addresses that the service's name has"
    ),
    "`random`, `least_connections` and `power_of_two` behind a shared balancer": Containers(
        PARTLY, PARTLY, "always in the caller: same rule, over its own requests alone"
    ),
    "latency between zones": Containers(NO, NO, "where replicas stand is the cluster's business"),
    "stores and their connections": _SHARED, "caches": _SHARED, "queues": _SHARED, "topics": _SHARED,
    "autoscaling": Containers(
        NO, PARTLY, "a HorizontalPodAutoscaler; by `threads` it needs an adapter for Prometheus' metrics"
    ),
    "crashes, `detect`, `startup`": _FAULTS, "slow, fail and pause faults": _FAULTS,
    "cut, delay and drop faults": _FAULTS, "zone faults": _FAULTS,
    "open loops": Containers(PARTLY, NO, "the profile `load` sends the file's rates, with draws of its own"),
    "closed loops": Containers(PARTLY, NO, "the profile `load` sends an open loop of as many a second as users"),
    "journeys": Containers(PARTLY, NO, "the profile `load` sends their requests in order, without pauses"),
}
"""By a feature's name. In containers, callers find replicas by DNS, and each replica is told nothing of the others."""

_INTRO = """\
# What each way of running honours

The simulation honours all of the language. `msforge up` runs the generated services for real, all in one process or,
with `--processes`, each replica in a process of its own. What a running system cannot do is said here; `msforge new`
and `msforge up` name whatever your file uses of it. [Compose and Kubernetes](../platform.md) run the same services
in containers.

"""


def page() -> str:
    """The reference page, in Markdown."""
    rows = ["| the language | " + " | ".join(WAYS) + " | instead |", "|---" * (len(WAYS) + 2) + "|"]
    for feature in FEATURES:
        said = [feature.instead, feature.instead_in("compose")]
        instead = "; in containers: ".join(dict.fromkeys(filter(None, said)))
        cells = [feature.name, *(feature.support(way) for way in WAYS), instead]
        rows.append("| " + " | ".join(cells) + " |")
    return _INTRO + "\n".join(rows) + "\n"
