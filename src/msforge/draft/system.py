"""A system out of what was seen: services, stores, channels, the network and the traffic, with valid names."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from msforge.draft.fit import fit
from msforge.draft.limits import Limits
from msforge.draft.naming import Names, Operation
from msforge.draft.notes import Notes
from msforge.draft.seen import Entry, Item, Seen, Target, Visit
from msforge.draft.steps import Step, Steps
from msforge.draft.traffic import traffic_of
from msforge.units import SECOND

BROKERS: Final = {"rabbitmq": "rabbitmq", "kafka": "kafka"}
KINDS: Final = {"postgresql": "postgres"}


@dataclass
class Endpoint:
    """An endpoint or consumer as it is written."""

    name: str
    steps: list[Step]
    protocol: dict[str, str] = field(default_factory=dict)
    channel: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Service:
    """A service as it is written."""

    name: str
    external: bool = False
    replicas: int = 0
    endpoints: list[Endpoint] = field(default_factory=list)
    consumers: list[Endpoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class System:
    """All that is written. Stores, channels and traffic are options by name, each with its comments."""

    name: str
    services: list[Service] = field(default_factory=list)
    stores: dict[str, tuple[dict[str, str], list[str]]] = field(default_factory=dict)
    channels: dict[str, tuple[dict[str, str], list[str]]] = field(default_factory=dict)
    traffic: dict[str, tuple[dict[str, str], list[str]]] = field(default_factory=dict)
    latency: str = ""
    duration: int = 60 * SECOND


class Maker:
    """Makes a System of Seen. What is doubtful goes to `notes`, and to the place it is about."""

    def __init__(self, seen: Seen, notes: Notes) -> None:
        self.seen = seen
        self.notes = notes
        self.services = Names("service", notes)
        self.stores = Names("store", notes)
        self.channels = Names("channel", notes)
        self.endpoints: dict[str, Names] = defaultdict(lambda: Names("endpoint", Notes()))
        limited = Limits(seen, notes)
        self.visits, self.operations = limited.visits, limited.operations

    def make(self) -> System:
        """All of it."""
        system = System(Names("system", Notes()).name(self.seen.namespace or "imported"))
        made = {service: Service(self.services.name(service)) for service in self._service_keys()}
        for key, visits in self.visits.items():
            self._endpoint(made[key[0]], key, visits)
        for key, operation in self.seen.external.items():
            self._outside(made[key[0]], key, operation)
        system.services = list(made.values())
        self._replicas(made)
        self._stores(system)
        self._channels(system)
        if self.seen.hops:
            system.latency = fit(self.seen.hops)
        system.traffic, system.duration = traffic_of(
            self.seen.entries, lambda target: self._called("call", target), self.notes
        )
        return system

    def _service_keys(self) -> list[str]:
        return list(dict.fromkeys([key[0] for key in self.visits] + [key[0] for key in self.seen.external]))

    # -- services ------------------------------------------------------------------------------------

    def _called(self, kind: str, target: Target) -> str:
        """A target as a step names it."""
        if kind == "call":
            return f"{self.services.name(target[0])}.{self._endpoint_name(target)}"
        names = self.channels if kind == "publish" else self.stores
        return names.name(target[0])

    def _endpoint_name(self, key: Target) -> str:
        return self.endpoints[key[0]].name(key[1], self.operations[key].name)

    def _endpoint(self, service: Service, key: Target, visits: list[Visit]) -> None:
        maker = Steps(visits, self._called)
        steps = maker.make()
        endpoint = Endpoint(self._endpoint_name(key), steps, notes=maker.notes)
        for note in [*maker.notes, *(note for step in steps for note in step.doubts())]:
            self.notes.add(f"{service.name}.{endpoint.name}: {note}")
        if visits[0].channel:
            endpoint.channel = self.channels.name(visits[0].channel)
            service.consumers.append(endpoint)
            return
        endpoint.protocol = _protocol(self.operations[key], service)
        service.endpoints.append(endpoint)

    def _outside(self, service: Service, key: Target, operation: Operation) -> None:
        """Somebody who was called and sent no spans: a third party, or not instrumented."""
        calls = self.seen.answers.get(key, [])
        service.external = not any(visit_key[0] == key[0] for visit_key in self.visits)
        took = [call.single or call.end - call.begin for call in calls if not call.failed] or [
            call.end - call.begin for call in calls
        ]
        steps = [Step("wait", fit(took))] if took else []
        failed = sum(call.failed for call in calls)
        if failed:
            steps.append(Step("fail", f"{min(100.0, max(0.01, round(100 * failed / len(calls), 2))):g}%"))
        note = "sent no spans of its own: its time is that which its callers waited, the way there included"
        self.notes.add(f"{service.name} {note}")
        service.notes = [note]
        service.endpoints.append(Endpoint(self._endpoint_name(key), steps, _protocol(operation, service)))

    def _replicas(self, made: dict[str, Service]) -> None:
        """As many as there are names of instances."""
        seen: dict[str, set[str]] = defaultdict(set)
        for visit in self.seen.visits:
            if visit.instance:
                seen[visit.service].add(visit.instance)
        for key, instances in seen.items():
            if key in made:
                made[key].replicas = min(len(instances), 1000)

    # -- stores and channels ---------------------------------------------------------------------------

    def _used(self, *kinds: str) -> dict[str, dict[str, list[tuple[Visit, Item]]]]:
        """By store or channel and kind, who did it and what it was."""
        found: dict[str, dict[str, list[tuple[Visit, Item]]]] = {}
        for visits in self.visits.values():
            for visit in visits:
                for item in visit.items:
                    if item.kind in kinds:
                        found.setdefault(item.target[0], {}).setdefault(item.kind, []).append((visit, item))
        return found

    def _stores(self, system: System) -> None:
        for key, kinds in self._used("read", "write").items():
            users = {visit.service for uses in kinds.values() for visit, _ in uses}
            kind = Names("kind", Notes()).name(self.seen.stores.get(key) or "database")
            options = {"kind": KINDS.get(kind, kind)}
            notes = []
            if len(users) == 1:
                options["owner"] = self.services.name(next(iter(users)))
            else:
                notes.append(f"used by {len(users)} services")
            for name, uses in sorted(kinds.items()):
                options[name] = fit([item.end - item.begin for _, item in uses])
            system.stores[self.stores.name(key)] = options, notes

    def _channels(self, system: System) -> None:
        used = self._used("publish")
        readers: dict[str, set[str]] = defaultdict(set)
        for visit in self.seen.visits:
            if visit.channel:
                readers[visit.channel].add(visit.service)
        for key in dict.fromkeys([*used, *readers]):
            broker = BROKERS.get(self.seen.channels.get(key, ""), "embedded")
            topic = broker == "kafka" or (broker == "embedded" and len(readers[key]) > 1)
            options = {"kind": "topic" if topic else "queue", "broker": broker}
            published = [item.end - item.begin for _, item in used.get(key, {}).get("publish", [])]
            options["publish"] = fit(published) if published else "0s"
            notes = []
            if not published:
                notes.append("nobody was seen to publish here: messages come from outside")
            if not readers[key]:
                notes.append("nobody was seen to read from here")
            for note in notes:
                self.notes.add(f"channel {self.channels.name(key)}: {note}")
            system.channels[self.channels.name(key)] = options, notes
            if not published:
                self._fed(system, key)

    def _fed(self, system: System, key: str) -> None:
        """A channel whose publishers are not to be seen gets one outside."""
        visits = [visit for visit in self.seen.visits if visit.channel == key]
        outside = f"publisher of {key}"
        name = self.services.name(outside, valid_publisher(self.channels.name(key)))
        step = Step("publish", self.channels.name(key))
        system.services.append(Service(name, external=True, endpoints=[Endpoint("publish", [step])], notes=[
            "stands for those who publish and were not seen"
        ]))
        self.operations[outside, "publish"] = Operation("publish", "publish")
        self.endpoints[outside].name("publish", "publish")
        self.seen.entries += [Entry("", (outside, "publish"), visit.begin, visit.weight) for visit in visits]

def valid_publisher(channel: str) -> str:
    """The name of whoever publishes to a channel unseen."""
    return f"publisher-of-{channel}"


def _protocol(operation: Operation, service: Service) -> dict[str, str]:
    """HTTP's or gRPC's words, unless another endpoint of the service has them."""
    found = {"grpc": operation.grpc} if operation.grpc else {"http": operation.http} if operation.http else {}
    return {} if any(_asked(other.protocol) == _asked(found) for other in service.endpoints) else found


def _asked(protocol: dict[str, str]) -> str:
    """What two endpoints of a service may not both have: parameters count as the same whatever their name."""
    return re.sub(r"\{[^}]*\}", "{}", protocol.get("grpc") or protocol.get("http") or "?") if protocol else ""
