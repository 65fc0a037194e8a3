"""The faults that act on a replica now: slowness, failures, broken links, pauses.

A fault is set as plain data (see `FaultState.set`), by the admin endpoint or by the host. Its draws are keyed by the
fault's word and occurrence, as the simulator's are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msforge.policies.distributions import Dist
from msforge.policies.keys import uniform
from msforge.runtime.failures import ERROR, REJECTED, StepFailed, cause_of
from msforge.runtime.place import HERE, Place, purpose_key

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow
    from msforge.runtime.replica import Replica

KINDS: Final = ("slow", "fail", "cut", "delay", "drop", "pause")
LOST: Final = -1
LARGEST_FACTOR: Final = 1e6


class Fault:
    """One active fault. Its `word` in draws carries the occurrence."""

    __slots__ = ("add", "crash", "endpoint", "factor", "kind", "link", "rate", "source", "spec", "status", "store",
                 "word")

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = dict(spec)
        self.kind = spec.get("kind")
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}; there are {', '.join(KINDS)}")
        self.word = f"fault {spec.get('word', spec['id'])} {int(spec.get('occurrence', 0))}"
        self.endpoint: str | None = _text(spec, "endpoint")
        self.store: str | None = _text(spec, "store")
        self.factor = _number(spec, "by", 1.0, 0.0, LARGEST_FACTOR)
        self.add = _dist(spec.get("add"))
        self.rate = _number(spec, "rate", 1.0, 0.0, 1.0)
        self.status = int(_number(spec, "status", 500, 400, 599))
        self.crash = bool(spec.get("crash", False))
        self.link = _end(spec, "to")
        self.source = _end(spec, "from")
        if self.kind in ("cut", "delay", "drop") and self.link is None and self.source is None:
            raise ValueError(f"a {self.kind} needs `to` (or `from`), e.g. {{\"to\": {{\"service\": \"payment\"}}}}")
        if self.kind == "delay" and self.add is None:
            raise ValueError("a delay needs `add`, a distribution")

    def added(self, place: Place) -> int:
        """What it adds (ns) to a request, or to an operation at a store."""
        return place.duration(self.word, "add", self.add) if self.add is not None else 0

    async def strike(self, flow: Flow) -> None:
        """Fail a request that has done its steps."""
        if self.crash:
            await flow.replica.die()
        outcome = REJECTED if 400 <= self.status < 500 else ERROR
        raise StepFailed(outcome, cause_of(flow.replica.name, outcome), self.status)


class FaultState:
    """All faults on one replica. The lists are empty, and so false, while nothing of their kind is on."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.active: dict[str, Fault] = {}
        self._sort()

    # -- what is on ----------------------------------------------------------------------------

    def set(self, spec: Mapping[str, Any]) -> None:
        """Begin a fault, or replace the one with the same id. Raises ValueError, saying what is wrong.

        Keys: id, word, occurrence, kind (slow, fail, cut, delay, drop, pause), by, add ({kind, params, parts}, ns),
        endpoint, store, rate, status, crash, to ({service | store | channel: name}), from ({channel: name}).
        """
        if not isinstance(spec, Mapping) or not isinstance(spec.get("id"), str) or not spec["id"]:
            raise ValueError("a fault is an object with an `id`")
        try:
            fault = Fault(spec)
        except (TypeError, KeyError) as problem:
            raise ValueError(f"the fault {spec['id']!r} can't be read: {problem}") from problem
        self.clear(spec["id"], missing_ok=True)
        self.active[spec["id"]] = fault
        if fault.kind == "pause":
            self.replica.processor.pause()
        self._sort()

    def clear(self, id: str | None = None, *, missing_ok: bool = False) -> None:
        """End a fault, or all of them (None). Raises KeyError for an id that is not on."""
        if id is None:
            for each in list(self.active):
                self.clear(each)
            return
        fault = self.active.pop(id, None)
        if fault is None:
            if missing_ok:
                return
            raise KeyError(id)
        if fault.kind == "pause":
            self.replica.processor.resume()
        self._sort()
        if fault.source is not None and self.replica.events is not None:
            self.replica.events.link_changed()

    def describe(self) -> list[dict[str, Any]]:
        """The faults that are on, as they were set."""
        return [fault.spec for fault in self.active.values()]

    def _sort(self) -> None:
        faults = list(self.active.values())
        self.slowness = [f for f in faults if f.kind == "slow" and f.store is None]
        self.dooms = [f for f in faults if f.kind == "fail" and f.store is None]
        self.slow_stores = [f for f in faults if f.kind == "slow" and f.store is not None]
        self.failing_stores = [f for f in faults if f.kind == "fail" and f.store is not None]
        self.links = [f for f in faults if f.kind in ("cut", "delay", "drop")]

    # -- what they do ----------------------------------------------------------------------------

    def slowed(self, endpoint: str, amount: int) -> int:
        """The duration (ns) of a step of an endpoint that starts now."""
        for fault in self.slowness:
            if fault.endpoint is None or fault.endpoint == endpoint:
                amount = round(amount * fault.factor)
        return amount

    def added(self, flow: Flow) -> int:
        """What is added (ns) to a request that starts now; a call in place is a request to its endpoint only."""
        return sum(
            fault.added(flow.place) for fault in self.slowness
            if (fault.endpoint == flow.endpoint if fault.endpoint is not None else flow.parent is None)
        )

    def doomed(self, endpoint: str, place: Place) -> Fault | None:
        """The fault that makes a request fail which starts now."""
        for fault in self.dooms:
            concerned = fault.endpoint is None or fault.endpoint == endpoint
            if concerned and _drawn(fault.word, "fail", place) < fault.rate:
                return fault
        return None

    def slowed_store(self, store: str, amount: int) -> int:
        """The duration (ns) of an operation at a store."""
        for fault in self.slow_stores:
            if fault.store == store:
                amount = round(amount * fault.factor) + fault.added(HERE.get())
        return amount

    def store_fails(self, store: str) -> bool:
        """Whether this store operation is chosen to fail."""
        return any(f.store == store and _drawn(f.word, "fail", HERE.get()) < f.rate for f in self.failing_stores)

    def hop(self, service: str, place: Place, latency: int, *, back: bool = False) -> int:
        """The time (ns) of a hop to or from a service, for the try whose place it is; LOST when it never arrives."""
        for fault in self.links:
            if fault.link != ("service", service):
                continue
            word = fault.word + " back" if back else fault.word
            if fault.kind == "cut" or (fault.kind == "drop" and _drawn(word, "drop", place) < fault.rate):
                return LOST
            if fault.kind == "delay" and fault.add is not None:
                latency += place.duration(word, "delay", fault.add)
        return latency

    def reaches(self, kind: str, name: str) -> bool:
        """Whether this service reaches a `store` or a `channel` now."""
        for fault in self.links:
            if fault.link != (kind, name):
                continue
            if fault.kind == "cut" or (fault.kind == "drop" and _drawn(fault.word, "drop", HERE.get()) < fault.rate):
                return False
        return True

    def extra(self, kind: str, name: str) -> int:
        """Additional latency (ns) to a `store` or a `channel`."""
        return sum(
            HERE.get().duration(fault.word, "delay", fault.add)
            for fault in self.links if fault.kind == "delay" and fault.link == (kind, name) and fault.add is not None
        )

    def delivers(self, channel: str) -> bool:
        """Whether a channel's broker reaches this service's consumers now."""
        return not any(fault.kind == "cut" and fault.source == ("channel", channel) for fault in self.links)


def _drawn(word: str, purpose: str, place: Place) -> float:
    return uniform(purpose_key(place.key, word, purpose), place.number, place.context)


def _number(spec: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    value = spec.get(key, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"`{key}` is a number from {least:g} to {most:g}, not {value!r}")
    return value


def _text(spec: Mapping[str, Any], key: str) -> str | None:
    value = spec.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"`{key}` is a name, not {value!r}")
    return value


def _end(spec: Mapping[str, Any], key: str) -> tuple[str, str] | None:
    value = spec.get(key)
    if value is None:
        return None
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in ("service", "store", "channel"):
        raise ValueError(f"`{key}` is one of service, store or channel with a name, not {value!r}")
    kind, name = next(iter(value.items()))
    return (str(kind), str(name))


def _dist(value: Any) -> Dist | None:
    """A distribution from its plain data."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"`add` is a distribution as {{kind, params, parts}}, not {value!r}")
    parts = tuple(part for part in map(_dist, value.get("parts", ())) if part is not None)
    return Dist(str(value["kind"]), tuple(float(p) for p in value.get("params", ())), parts)
