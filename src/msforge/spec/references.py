"""Whether every name that is used exists. Reads the raw document, so it works beside any other error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from msforge.errors import Diagnostic
from msforge.names import did_you_mean
from msforge.spec.places import Path, join, place_of
from msforge.spec.source import Map, Mark, Seq, problem

CLIENTS = "clients"
_MOST_HINTS = 50


class References:
    """Walks a lowered document once and reports what leads nowhere."""

    def __init__(self, document: Map, root: Mark | None) -> None:
        self.document = document
        self.root = root
        self.problems: list[Diagnostic] = []
        self.hints: dict[tuple[str, int], str] = {}
        services = document.get("services")
        self.readable = isinstance(services, Map)  # else nothing can be said about references to services
        self.services = {name: s for name, s in _map(services).items() if isinstance(s, Map)}
        self.broken = {
            name
            for name, s in _map(services).items()
            if not isinstance(s, Map) or not isinstance(s.get("endpoints", Map()), Map)
        }
        self.endpoints = {name: _map(s.get("endpoints")) for name, s in self.services.items()}
        self.stores = _map(document.get("stores"))
        self.settings = _map(document.get("channels"))
        self.channels = set(self.settings)
        for channel in self.settings.values():
            dead = _map(channel).get("dead_letter")
            if isinstance(dead, str):
                self.channels.add(dead)
        self.zones = _zones(self.services.values(), self.stores.values(), self.settings.values())
        self.calls: dict[str, list[tuple[str, Path]]] = {}
        self.ids: dict[str, Path] = {}
        self.called: list[tuple[str, Path]] = []

    def run(self) -> list[Diagnostic]:
        for name, service in self.services.items():
            self.service(name, service)
        for name, store in self.stores.items():
            owner = _map(store).get("owner")
            self.one_of(owner, {*self.services, *self.broken}, ("stores", name, "owner"), "E501", "service")
        for name, channel in self.settings.items():
            if _map(channel).get("dead_letter") == name:
                self.report(
                    ("channels", name, "dead_letter"),
                    "E402",
                    f"`{name}` cannot be its own dead letter channel",
                    "name another; a queue of that name is made",
                )
        for name, source in _map(self.document.get("traffic")).items():
            self.source(_map(source), ("traffic", name))
        for index, fault in enumerate(_list(self.document.get("faults"))):
            self.fault(_map(fault), ("faults", index))
        self.objectives()
        self.cycles()
        return self.problems

    def report(self, path: Path, code: str, message: str, hint: str = "", key: bool = False) -> None:
        self.problems.append(problem(place_of(self.document, path, self.root, key), code, message, hint, join(path)))

    def hint(self, word: str, known: Collection[str]) -> str:
        """A suggestion. Looking through a thousand names takes milliseconds, so only the first mistakes get one."""
        key = (word, len(known))
        if key not in self.hints:
            self.hints[key] = did_you_mean(word, known) if len(self.hints) < _MOST_HINTS else ""
        return self.hints[key]

    def one_of(self, value: Any, known: Collection[str], path: Path, code: str, what: str) -> None:
        if what.startswith("service") and not self.readable:
            return
        if isinstance(value, str) and value not in known:
            self.report(path, code, f"there is no {what} `{value[:60]}`", self.hint(value, known))

    def endpoint(self, value: Any, path: Path) -> bool:
        """Whether service.endpoint exists; reports when it does not. False also for what has another shape."""
        if not isinstance(value, str) or value.count(".") != 1:
            return False
        service, _, endpoint = value.partition(".")
        if service in self.broken or not self.readable:
            return False
        if service not in self.services:
            self.report(path, "E501", f"there is no service `{service[:60]}`", self.hint(service, self.services))
            return False
        if endpoint not in self.endpoints[service]:
            hint = self.hint(endpoint, self.endpoints[service]) or f"`{service}` has no endpoints"
            if endpoint in _map(self.services[service].get("consumers")):
                hint = "it is a consumer, which nobody can call; publish to its channel"
            self.report(path, "E502", f"`{service}` has no endpoint `{endpoint[:60]}`", hint)
            return False
        return True

    # -- services and steps ----------------------------------------------------------------

    def service(self, name: str, service: Map) -> None:
        path: Path = ("services", name)
        if name not in self.broken and not self.endpoints[name] and not _map(service.get("consumers")):
            self.report(
                path,
                "E407",
                f"the service `{name}` has no endpoints and no consumers",
                "give it an endpoint, e.g. endpoints: {hello: {}}",
                key=True,
            )
        for endpoint, body in self.endpoints[name].items():
            self.body(f"{name}.{endpoint}", _map(body), (*path, "endpoints", endpoint))
        for consumer, body in _map(service.get("consumers")).items():
            here = (*path, "consumers", consumer)
            self.one_of(_map(body).get("from"), self.channels, (*here, "from"), "E504", "channel")
            self.body(f"{name}.{consumer}", _map(body), here)

    def body(self, name: str, body: Map, path: Path) -> None:
        self.ids = {}
        self.called = self.calls.setdefault(name, [])
        self.steps(body.get("steps"), (*path, "steps"))

    def steps(self, steps: Any, path: Path) -> None:
        if isinstance(steps, Map):
            self.step(steps, path)
        elif isinstance(steps, Seq):
            for index, step in enumerate(steps):
                if isinstance(step, Map):
                    self.step(step, (*path, index))

    def step(self, step: Map, path: Path) -> None:
        for verb, value in step.items():
            if verb == "call":
                if self.endpoint(value, (*path, verb)):
                    self.called.append((value, (*path, verb)))
            elif verb in ("read", "write"):
                self.one_of(value, self.stores, (*path, verb), "E503", "store")
            elif verb == "publish":
                self.one_of(value, self.channels, (*path, verb), "E504", "channel")
                if "key" in step and self.is_queue(value):
                    self.report(
                        (*path, "key"),
                        "E401",
                        "`key` has no meaning for a queue: it has no partitions",
                        "remove it, or make the channel a topic",
                        key=True,
                    )
            elif verb == "cache":
                self.one_of(_map(value).get("store"), self.stores, (*path, verb, "store"), "E503", "store")
            elif verb in ("parallel", "steps"):
                self.steps(value, (*path, verb))
            elif verb in ("choose", "saga"):
                for index, branch in enumerate(_list(value)):
                    for inner in ("steps", "do", "undo"):
                        self.steps(_map(branch).get(inner), (*path, verb, index, inner))
            elif verb == "fallback":
                self.steps(_map(value).get("steps"), (*path, verb, "steps"))
            elif verb == "id" and isinstance(value, str):
                if value in self.ids:
                    self.report(
                        (*path, verb),
                        "E304",
                        f"the id `{value[:60]}` is taken by {join(self.ids[value])}",
                        "ids are unique within an endpoint or consumer",
                    )
                self.ids.setdefault(value, path)

    def is_queue(self, name: Any) -> bool:
        if not isinstance(name, str) or name not in self.channels:
            return False
        return bool(_map(self.settings.get(name)).get("kind", "queue") == "queue")

    # -- traffic, faults, objectives ---------------------------------------------------------

    def source(self, source: Map, path: Path) -> None:
        target = source.get("target")
        self.endpoint(target, (*path, "target"))
        for index, part in enumerate(_list(target)):
            self.endpoint(_map(part).get("target"), (*path, "target", index, "target"))
        self.journey(source.get("journey"), (*path, "journey"))

    def journey(self, journey: Any, path: Path) -> None:
        for index, item in enumerate(_list(journey)):
            here = (*path, index)
            if isinstance(item, str):
                self.endpoint(item, here)
                continue
            self.endpoint(_map(item).get("target"), (*here, "target"))
            self.journey(_map(item).get("journey"), (*here, "journey"))
            for way, branch in enumerate(_list(_map(item).get("choose"))):
                self.journey(_map(branch).get("journey"), (*here, "choose", way, "journey"))

    def fault(self, fault: Map, path: Path) -> None:
        for kind in ("crash", "deploy"):
            self.one_of(fault.get(kind), {*self.services, *self.broken}, (*path, kind), "E501", "service")
        for kind in ("slow", "fail"):
            self.subject(fault.get(kind), (*path, kind), endpoints=True)
        self.subject(fault.get("pause"), (*path, "pause"), endpoints=False)
        self.one_of(fault.get("zone"), self.zones, (*path, "zone"), "E505", "zone")
        for kind in ("cut", "delay", "drop"):
            value = fault.get(kind)
            if isinstance(value, str) and value.count("->") == 1:
                parties = [*self.services, *sorted(self.broken), *self.stores, *sorted(self.channels), CLIENTS]
                for party in value.split("->"):
                    self.one_of(party.strip(), parties, (*path, kind), "E506", "service, store or channel")
        self.fitting(fault, path)

    def fitting(self, fault: Map, path: Path) -> None:
        """Options that mean nothing for a store or a function."""
        for kind in ("slow", "fail", "pause"):
            store = fault.get(kind)
            if not isinstance(store, str) or store not in self.stores or store in self.services:
                continue
            if fault.get("replicas", "all") != "all":
                here = (*path, "replicas")
                self.report(here, "E401", "a store has no replicas to choose from", "remove it", key=True)
            if kind == "fail" and fault.get("kind") == "crash":
                self.report((*path, "kind"), "E401", "a failing operation cannot crash a store", "remove it")
        deployed = fault.get("deploy")
        service = _map(self.services.get(deployed)) if isinstance(deployed, str) else Map()
        if fault.get("canary") not in (None, 0, "0%") and service.get("function") is not None:
            message = f"{deployed} is a function: its instances are all of the new version at once"
            self.report((*path, "canary"), "E401", message, "remove it", key=True)

    def subject(self, value: Any, path: Path, endpoints: bool) -> None:
        if not isinstance(value, str):
            return
        if "." in value and endpoints:
            self.endpoint(value, path)
        else:
            what = "service, store or endpoint" if endpoints else "service or store"
            self.one_of(value, [*self.services, *sorted(self.broken), *self.stores], path, "E506", what)

    def objectives(self) -> None:
        sources = _map(self.document.get("traffic"))
        for target in _map(self.document.get("objectives")):
            service, _, endpoint = target.partition(".")
            if target in sources or service in self.broken or endpoint in self.endpoints.get(service, ()):
                continue
            known = [*sources, *(f"{s}.{e}" for s, names in self.endpoints.items() for e in names)]
            self.report(
                ("objectives", target),
                "E507",
                f"there is no endpoint or traffic source `{target[:60]}`",
                self.hint(target, known),
                key=True,
            )

    # -- cycles ------------------------------------------------------------------------------

    def cycles(self) -> None:
        """Calls that lead back to where they came from: judged on endpoints, never on services."""
        state: dict[str, int] = {}
        for start in self.calls:
            if start in state:
                continue
            stack: list[tuple[str, Iterator[tuple[str, Path]]]] = [(start, iter(self.calls[start]))]
            state[start] = 1
            while stack:
                name, following = stack[-1]
                callee, path = next(following, ("", ()))
                if not callee:
                    state[name] = 2
                    stack.pop()
                elif state.get(callee) == 1:
                    names = [entry for entry, _ in stack]
                    ring = [*names[names.index(callee) :], callee]
                    shown = ring if len(ring) <= 8 else [*ring[:4], "...", *ring[-3:]]
                    self.report(
                        path,
                        "E510",
                        f"this call goes round in a circle: {' -> '.join(shown)}",
                        "a request would never end; break the circle, or publish to a channel instead",
                    )
                elif callee not in state:
                    state[callee] = 1
                    stack.append((callee, iter(self.calls.get(callee, []))))


def _zones(*groups: Iterable[Any]) -> set[str]:
    zones = set()
    for group in groups:
        for item in group:
            own = _map(item)
            zones |= {zone for zone in (*_list(own.get("zones")), own.get("zone")) if isinstance(zone, str)}
    return zones


def _map(value: Any) -> Map:
    return value if isinstance(value, Map) else Map()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, Seq) else []
