"""What each way of running a description honours of the language: one table, for the pages, `new` and `up`.

The simulation honours everything. A running system is real processes on a real machine, and some of the
language is beyond it: the table says which part, for each way, and what happens instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msforge.model.plan import Fault, Source, Step, System, Verb

WAYS: Final = ("simulation", "one process", "processes", "compose", "Kubernetes")
"""How a description can be run. `msforge up` is the second, `msforge up --processes` the third."""

YES: Final = "yes"
PARTLY: Final = "in part"
NO: Final = "no"
LATER: Final = "later"
"""msforge writes no files for this way yet."""

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
        """How far `way` (one of WAYS) honours it: yes, in part, no, later."""
        return {"simulation": YES, "one process": self.one_process, "processes": self.processes}.get(way, LATER)


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
            found.append(Beyond(feature.name, support, tuple(users), feature.instead))
    return found


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


def _drawn_picks(system: System) -> list[str]:
    kinds = ("random", "power_of_two", "least_connections")
    return _services(system, lambda s: s.balance in kinds and not s.client_balancer and s.replicas > 1)


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
        "latency between zones", YES, NO, lambda s: list(s.zones) if s.network.zone_latency is not None else [],
        "hops between zones cost the same as others",
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
        "an embedded channel with the same rules; `--with rabbitmq` puts queues on RabbitMQ",
    ),
    Feature(
        "stores as products", PARTLY, PARTLY, _kinds,
        "SQLite, as slow and as narrow as the file says; `--with postgres,redis` puts them on servers",
    ),
    Feature(
        "`grpc` endpoints", PARTLY, PARTLY, lambda s: _calls(s, lambda c: c.policy.protocol == "grpc"),
        "they are served and called over HTTP",
    ),
    Feature(
        "`language: node` and `java`", PARTLY, PARTLY, lambda s: _services(s, lambda v: v.language != "python"),
        "generated in Python",
    ),
    Feature("third parties (`external`)", YES, YES, lambda s: _services(s, lambda v: v.external)),
    Feature(
        "autoscaling", NO, NO, lambda s: _services(s, lambda v: v.autoscale is not None),
        "the number of replicas stays as it starts",
    ),
    Feature(
        "functions", PARTLY, PARTLY, lambda s: _services(s, lambda v: v.function is not None),
        "one instance that is always warm and serves any number at once",
    ),
    Feature(
        "crashes, `detect`, `startup`", YES, PARTLY, _faults("crash"),
        "a process comes back after `startup`, but no sooner than Python starts",
    ),
    Feature("slow, fail and pause faults", YES, YES, _faults("slow", "fail", "pause")),
    Feature("cut, delay and drop faults", YES, YES, _faults("cut", "delay", "drop")),
    Feature("zone faults", YES, YES, _faults("zone")),
    Feature("deployments", NO, NO, _faults("deploy"), "they are left out"),
    Feature("changes while it runs", NO, NO, _faults("change"), "they are left out; edit the file and `msforge sync`"),
    Feature("open loops", YES, YES, lambda s: _sources(s, lambda v: v.arrivals != "closed")),
    Feature("closed loops", YES, YES, lambda s: _sources(s, lambda v: v.arrivals == "closed")),
    Feature("journeys", YES, YES, lambda s: _sources(s, lambda v: not v.single)),
    Feature(
        "objectives", NO, NO, lambda s: list(dict.fromkeys(o.text for o in s.objectives)),
        "`msforge load` shows the figures and leaves the judging to you", figure=True,
    ),
    Feature(
        "costs", NO, NO, lambda s: _services(s, lambda v: v.cost_per_hour > 0), "ask the simulation",
        figure=True,
    ),
)
"""The table, in the order of docs/semantics.md."""

_INTRO = """\
# What each way of running honours

The simulation honours all of the language. `msforge up` runs the generated services for real, all in one process or,
with `--processes`, each replica in a process of its own. What a running system cannot do is said here; `msforge new`
and `msforge up` name whatever your file uses of it. Compose and Kubernetes come later: msforge writes no files for
them yet.

"""


def page() -> str:
    """The reference page, in Markdown."""
    rows = ["| the language | " + " | ".join(WAYS) + " | instead |", "|---" * (len(WAYS) + 2) + "|"]
    for feature in FEATURES:
        cells = [feature.name, *(feature.support(way) for way in WAYS), feature.instead]
        rows.append("| " + " | ".join(cells) + " |")
    return _INTRO + "\n".join(rows) + "\n"
