"""Who depends on whom: asked for every pair of symptoms, so worked out once a system."""

from __future__ import annotations

from collections import OrderedDict

from msforge.model.plan import NONE, System, Verb

_KEPT: OrderedDict[int, tuple[System, Dependence]] = OrderedDict()
_MOST = 4


class Dependence:
    """Services as a graph: an arrow to each service that another sends to, by calls or messages."""

    def __init__(self, system: System) -> None:
        readers: dict[int, set[int]] = {}
        for consumer in system.consumers:
            readers.setdefault(consumer.channel, set()).add(consumer.service)
        everyone = range(NONE, len(system.services))  # NONE: the clients
        self._targets: dict[int, set[int]] = {service: set() for service in everyone}
        self._stores: dict[int, set[int]] = {service: set() for service in everyone}
        for step in system.steps:
            if step.verb is Verb.CALL:
                self._targets[step.service].add(system.bodies[step.target].service)
            elif step.verb is Verb.PUBLISH:
                self._targets[step.service] |= readers.get(step.target, set())
            elif step.verb in (Verb.READ, Verb.WRITE):
                self._stores[step.service].add(step.target)
        self._senders: dict[int, set[int]] = {service: set() for service in everyone}
        for service in range(len(system.services)):
            for target in self._targets[service]:
                self._senders[target].add(service)
        self._reached: dict[int, set[int]] = {}
        self._callers: dict[int, set[int]] = {}

    def reach(self, service: int) -> set[int]:
        """Services that `service` sends to, directly or through others."""
        return _closure(self._targets, service, self._reached)

    def callers(self, service: int) -> set[int]:
        """Services that depend on `service`, directly or through others."""
        return _closure(self._senders, service, self._callers)

    def stores(self, service: int) -> set[int]:
        """Stores that `service` uses."""
        return self._stores[service]


def _closure(arrows: dict[int, set[int]], start: int, known: dict[int, set[int]]) -> set[int]:
    if start not in known:
        found: set[int] = set()
        todo = [start]
        while todo:
            fresh = arrows[todo.pop()] - found
            found |= fresh
            todo += fresh
        known[start] = found
    return known[start]


def dependence(system: System) -> Dependence:
    """The graph of `system`, kept for the systems last asked about (by identity: hashing a plan walks all of it)."""
    kept = _KEPT.get(id(system))
    if kept is None or kept[0] is not system:
        kept = _KEPT[id(system)] = (system, Dependence(system))
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    return kept[1]
