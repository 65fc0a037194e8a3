"""A system out of what was seen: services, stores, channels, the network and the traffic, with valid names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msforge.draft.fit import fit
from msforge.draft.naming import Names, Operation
from msforge.draft.notes import Notes, plain
from msforge.draft.seen import Entry, Item, Seen, Target, Visit
from msforge.draft.steps import Step, Steps
from msforge.units import SECOND, format_duration, format_rate

MOST_SERVICES: Final = 3000
MOST_ENDPOINTS: Final = 200
SHORTEST, LONGEST = 10 * SECOND, 600 * SECOND
PER_RUN: Final = 100_000   # requests of a run of the draft, at most
FASTEST: Final = 20_000.0  # requests a second
SLICES: Final = 8          # of the time, to see whether a rate changed
UNEVEN: Final = 24.3       # chi-square with SLICES - 1 degrees of freedom, at 99.9 %
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
        self.visits: dict[Target, list[Visit]] = defaultdict(list)
        for visit in seen.visits:
            self.visits[visit.key].append(visit)
        self.operations: dict[Target, Operation] = dict(seen.external)
        for key, visits in self.visits.items():
            self.operations[key] = visits[0].operation
        self._limit()
        self._cut_cycles()

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
        self._traffic(system)
        return system

    # -- limits --------------------------------------------------------------------------------------

    def _service_keys(self) -> list[str]:
        return list(dict.fromkeys([key[0] for key in self.visits] + [key[0] for key in self.seen.external]))

    def _limit(self) -> None:
        """Operations of a service beyond MOST_ENDPOINTS are one: names with numbers in them, mostly."""
        per: dict[str, list[Target]] = defaultdict(list)
        for key in self.operations:
            per[key[0]].append(key)
        moved: dict[Target, Target] = {}
        for service, keys in per.items():
            if len(keys) > MOST_ENDPOINTS:
                self.notes.add(
                    f"{plain(service)} has {len(keys)} operations; beyond {MOST_ENDPOINTS} they are one, `other`"
                )
                moved |= dict.fromkeys(keys[MOST_ENDPOINTS:], (service, "other"))
        if len(per) > MOST_SERVICES:
            self.notes.add(f"there are {len(per)} services; all beyond {MOST_SERVICES} are taken as one, `others`")
            for service in list(per)[MOST_SERVICES:]:
                moved |= dict.fromkeys(per[service], ("others", "other"))
        if moved:
            self._move(moved)

    def _move(self, moved: dict[Target, Target]) -> None:
        other = Operation("other", "other")
        for key, target in moved.items():
            for visit in self.visits.pop(key, []):
                visit.service, visit.operation = target[0], other
                self.visits[target].append(visit)
            if self.seen.external.pop(key, None) is not None and target not in self.visits:
                self.seen.external[target] = other
            self.seen.answers.setdefault(target, []).extend(self.seen.answers.pop(key, []))
            self.operations.pop(key, None)
            self.operations[target] = other
        for visit in self.seen.visits:
            for item in visit.items:
                item.target = moved.get(item.target, item.target) if item.kind == "call" else item.target
        for entry in self.seen.entries:
            entry.target = moved.get(entry.target, entry.target)
        for key in [key for key in self.seen.external if key in self.visits]:
            del self.seen.external[key]

    def _cut_cycles(self) -> None:
        """A description cannot call in circles: the call that closes one becomes time."""
        calls: dict[Target, set[Target]] = {
            key: {item.target for visit in visits for item in visit.items if item.kind == "call"}
            for key, visits in self.visits.items()
        }
        cut: set[tuple[Target, Target]] = set()
        done: set[Target] = set()
        for start in calls:
            path: dict[Target, None] = {}
            stack: list[tuple[Target, list[Target]]] = [(start, sorted(calls[start]))] if start not in done else []
            path[start] = None
            while stack:
                key, left = stack[-1]
                if not left:
                    stack.pop()
                    path.pop(key, None)
                    done.add(key)
                    continue
                following = left.pop()
                if following in path:
                    cut.add((key, following))
                elif following in calls and following not in done:
                    path[following] = None
                    stack.append((following, sorted(calls[following])))
        for caller, callee in sorted(cut):
            self.notes.add(
                f"cyclic: {self._shown(caller)} calls {self._shown(callee)}, which leads back to it; the call is left "
                "out, its time stays"
            )
            for visit in self.visits[caller]:
                visit.items = [item for item in visit.items if item.kind != "call" or item.target != callee]

    def _shown(self, key: Target) -> str:
        return plain(f"{key[0]}.{self.operations[key].name}" if key in self.operations else key[0])

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
        for note in [*maker.notes, *(note for step in steps for note in step.notes)]:
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

    # -- traffic ---------------------------------------------------------------------------------------

    def _traffic(self, system: System) -> None:
        """A source for each endpoint that is asked from outside, at the mean rate."""
        groups: dict[tuple[str, Target], list[Entry]] = defaultdict(list)
        for entry in self.seen.entries:
            groups[entry.source, entry.target].append(entry)
        begins = [entry.begin for entry in self.seen.entries]
        window = max(begins) - min(begins) if begins else 0
        names = Names("source", Notes())
        total = 0.0
        for (source, target), entries in groups.items():
            notes: list[str] = []
            if len(begins) > 1 and window:
                rate = sum(entry.weight for entry in entries) / (window / 1e9) * (1 - 1 / len(begins))
            else:
                rate = 1.0
                notes.append("a single request says nothing of the rate: 1/s is a guess")
            if rate > FASTEST:
                notes.append(f"{rate:.3g}/s were measured, more than can be simulated here")
                rate = FASTEST
            called = self._called("call", target)
            name = names.name(f"{source}|{target}", f"{source or 'clients'}-{called.partition('.')[2]}" if (
                len(groups) > 1) else source or "clients")
            for note in notes:
                self.notes.add(f"traffic {name}: {note}")
            options = {"target": called, "rate": format_rate(float(f"{rate:.3g}"))}
            stages = _stages(entries, begins) if rate < FASTEST else []
            if stages:
                del options["rate"]
                options["stages"] = f"[{', '.join(stages)}]"
            system.traffic[name] = options, notes
            total += rate
        wanted = min(max(window, SHORTEST), LONGEST)
        most = max(SECOND, round(PER_RUN / max(total, 1e-9)) * SECOND)
        system.duration = max(SECOND, min(wanted, most) // SECOND * SECOND)


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


def _stages(entries: Sequence[Entry], begins: Sequence[int]) -> list[str]:
    """The rate in equal stages, when it changed more than chance explains; else none.

    Chance: the counts of SLICES slices are Poisson's, so that their chi-square lies below UNEVEN 99.9 % of the time.
    """
    first, window = min(begins), max(begins) - min(begins)
    length = -(-window // SLICES)
    if len(entries) < 10 * SLICES or not SHORTEST <= window <= LONGEST:
        return []
    counts, weights = [0] * SLICES, [0.0] * SLICES
    for entry in entries:
        slice_ = min(SLICES - 1, (entry.begin - first) // length)
        counts[slice_] += 1
        weights[slice_] += entry.weight
    mean = len(entries) / SLICES
    if sum((count - mean) ** 2 for count in counts) / mean < UNEVEN:
        return []
    lasts = format_duration(max(SECOND, round(length, -8)))
    rates = [format_rate(float(f"{weight / (length / 1e9):.3g}")) for weight in weights]
    return [f"{{rate: {rate}, for: {lasts}}}" for rate in rates]
