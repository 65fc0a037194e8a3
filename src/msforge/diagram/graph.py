"""A system as nodes and arrows: who sends traffic, who calls whom, what is read, written, published and consumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msforge import units
from msforge.model.plan import NEVER, NONE, UNLIMITED, CallPolicy, Service, Source, Step, System, Verb

SOURCE, SERVICE, EXTERNAL, FUNCTION = "source", "service", "external", "function"
STORE, QUEUE, TOPIC, GROUP = "store", "queue", "topic", "group"
CALLS, READS, PUBLISHES, CONSUMES, DEAD_LETTERS = "calls", "reads", "publishes", "consumes", "dead letters"
ASYNCHRONOUS: Final = frozenset((PUBLISHES, CONSUMES, DEAD_LETTERS))
"""Arrows along which nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Node:
    """Something that is drawn. `id` is unique in the graph: a kind's letter and a number."""

    id: str
    kind: str
    name: str
    detail: str = ""
    """A few words more, e.g. "3 × 16 threads"."""
    members: tuple[str, ...] = ()
    """The services of a group."""


@dataclass(slots=True)
class Arrow:
    """From one node to another; all steps between the two are one arrow."""

    tail: str
    head: str
    kind: str
    grpc: bool = False
    policies: list[str] = field(default_factory=list)
    """What surrounds its calls, e.g. ["timeout 300ms", "3 tries", "breaker"], each once."""
    what: list[str] = field(default_factory=list)
    """The endpoints, or the operations, in the file's order."""

    @property
    def asynchronous(self) -> bool:
        """Whether nobody waits at its tail."""
        return self.kind in ASYNCHRONOUS


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the file's order, traffic first, and the arrows between them."""

    name: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]

    def node(self, id: str) -> Node:
        """The node with an id."""
        return next(node for node in self.nodes if node.id == id)


def graph_of(system: System) -> Graph:
    """The graph of a system."""
    nodes = [Node(f"t{s.index}", SOURCE, s.name, _traffic(s)) for s in system.sources]
    nodes += [Node(f"s{s.index}", _kind(s), s.name, _size(s)) for s in system.services]
    nodes += [Node(f"d{s.index}", STORE, s.name, _connections(s.kind, s.connections)) for s in system.stores]
    nodes += [
        Node(f"c{c.index}", TOPIC if c.topic else QUEUE, c.name,
             f"{c.partitions} partition{'s' if c.partitions != 1 else ''}, {c.broker}" if c.topic else c.broker)
        for c in system.channels
    ]
    arrows: dict[tuple[str, str, str], Arrow] = {}
    for arrow in _arrows(system):
        known = arrows.setdefault((arrow.tail, arrow.head, arrow.kind), arrow)
        if known is not arrow:
            known.grpc |= arrow.grpc
            known.policies += [said for said in arrow.policies if said not in known.policies]
            known.what += [said for said in arrow.what if said not in known.what]
    return Graph(system.name, tuple(nodes), tuple(arrows.values()))


def _kind(service: Service) -> str:
    return EXTERNAL if service.external else FUNCTION if service.function is not None else SERVICE


def _size(service: Service) -> str:
    if service.function is not None:
        return "function"
    if service.external:
        return "third party"
    replicas = f"{service.replicas} × " if service.autoscale is None else (
        f"{service.autoscale.minimum} to {service.autoscale.maximum} × "
    )
    return replicas + ("event loop" if service.threads == UNLIMITED else _counted(service.threads, "thread"))


def _connections(kind: str, connections: int) -> str:
    return kind if connections == UNLIMITED else f"{kind}, {_counted(connections, 'connection')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _traffic(source: Source) -> str:
    if source.users:
        return _counted(source.users, "user")
    if source.stages:
        rates = [rate for stage in source.stages for rate in (stage.begin, stage.end)]
        least, most = min(rates), max(rates)
        return units.format_rate(most) if least == most else f"up to {units.format_rate(most)}"
    return _counted(len(source.times), "request") if source.times else ""


def _arrows(system: System) -> Iterator[Arrow]:
    for step in system.steps:
        if step.service == NONE:
            yield from _of_a_client(system, step)
        else:
            yield from _of_a_service(system, step)
    for consumer in system.consumers:
        name = system.bodies[consumer.body].name
        yield Arrow(f"c{consumer.channel}", f"s{consumer.service}", CONSUMES, what=[name])
    for channel in system.channels:
        if channel.dead_letter != NONE:
            yield Arrow(f"c{channel.index}", f"c{channel.dead_letter}", DEAD_LETTERS)


def _of_a_client(system: System, step: Step) -> Iterator[Arrow]:
    if step.verb is Verb.CALL:
        for source in system.sources:
            if step.path.startswith(f"traffic.{source.name}.") or step.path == f"traffic.{source.name}":
                body = system.bodies[step.target]
                yield Arrow(f"t{source.index}", f"s{body.service}", CALLS, bool(body.grpc) and
                            step.policy.protocol == "grpc", policies(step.policy), [body.name])


def _of_a_service(system: System, step: Step) -> Iterator[Arrow]:
    tail = f"s{step.service}"
    match step.verb:
        case Verb.CALL:
            body = system.bodies[step.target]
            if body.service != step.service:
                spoken = bool(body.grpc) and step.policy.protocol == "grpc"
                yield Arrow(tail, f"s{body.service}", CALLS, spoken, policies(step.policy), [body.name])
        case Verb.READ | Verb.WRITE:
            verb = "read" if step.verb is Verb.READ else "write"
            said = [f"timeout {units.format_duration(step.timeout)}"] if step.timeout != NEVER else []
            if step.cache is not None:
                yield Arrow(tail, f"d{step.cache.store}", READS, what=["cache"])
            yield Arrow(tail, f"d{step.target}", READS, policies=said, what=[verb])
        case Verb.PUBLISH:
            yield Arrow(tail, f"c{step.target}", PUBLISHES, policies=["outbox"] if step.outbox else [],
                        what=["publish"])


def policies(policy: CallPolicy) -> list[str]:
    """What surrounds a call, a few words each, outermost first."""
    said = []
    if policy.fallback is not None:
        said.append("fallback")
    if policy.deadline != NEVER:
        said.append(f"deadline {units.format_duration(policy.deadline)}")
    if policy.retry is not None:
        attempts = policy.retry.attempts
        said.append("tries without end" if attempts == UNLIMITED else "1 try" if attempts == 1 else f"{attempts} tries")
    if policy.throttle is not None:
        said.append("throttle")
    if policy.breaker is not None:
        said.append("breaker")
    if policy.bulkhead != UNLIMITED:
        said.append(f"bulkhead {policy.bulkhead}")
    if policy.hedge != NEVER:
        said.append(f"hedge {units.format_duration(policy.hedge)}")
    if policy.timeout != NEVER:
        said.append(f"timeout {units.format_duration(policy.timeout)}")
    return said
