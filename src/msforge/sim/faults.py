"""Faults: timed changes. One generator process a fault; each turn begins something and ends it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Fault
from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.sim import cpu
from msforge.sim.deploy import deploy
from msforge.sim.kernel import ERROR, FAILED, REJECTED, cause_of
from msforge.sim.links import LinkFault
from msforge.sim.replica import Replica

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.kernel import Frame
    from msforge.sim.request import Request
    from msforge.sim.service import ServiceRun

Undo = Callable[[], None]


class Slowness:
    """A service, endpoint or store that takes longer."""

    __slots__ = ("add", "body", "factor", "slot", "word")

    def __init__(self, engine: Engine, fault: Fault, occurrence: int) -> None:
        self.factor = fault.factor
        self.add: Dist | None = fault.add
        self.body = fault.body
        self.slot = engine.next_slot()
        self.word = f"fault {fault.word} {occurrence}"

    def added(self, request: Request) -> int:
        """What it adds (ns) to a request that starts now; a call in place is a request to its endpoint only."""
        concerned = self.body == request.body if self.body >= 0 else not request.local
        if self.add is None or not concerned:
            return 0
        more: int = request.site.draw(self.slot, self.word, "add", self.add, request.root.number, request.context)
        return more

    def apply(self, amount: int, frame: Frame | None) -> int:
        """The slowed duration (ns) of a store's operation that starts now."""
        amount = round(amount * self.factor)
        if self.add is not None and frame is not None:
            amount += frame.site.draw(self.slot, self.word, "add", self.add, frame.root.number, frame.context)
        return amount


class Doom:
    """Requests that fail after their steps, by chance, chosen when they start."""

    __slots__ = ("body", "crash", "engine", "outcome", "rate", "replicas", "service", "slot", "store", "word")

    def __init__(self, engine: Engine, fault: Fault, occurrence: int, replicas: set[int] | None) -> None:
        self.engine = engine
        self.service = fault.service
        self.body = fault.body
        self.store = fault.store
        self.rate = fault.rate
        self.crash = fault.crash
        self.outcome = REJECTED if 400 <= fault.status < 500 else ERROR
        self.replicas = replicas
        self.slot = engine.next_slot()
        self.word = f"fault {fault.word} {occurrence}"

    def chosen(self, frame: Frame) -> bool:
        """Draw whether this request (or store operation) fails."""
        u: float = frame.site.draw(self.slot, self.word, "fail", None, frame.root.number, frame.context)
        return u < self.rate

    def concerns(self, request: Request) -> bool:
        """Whether the request is one that could fail."""
        replica = request.replica
        matches = self.body == request.body if self.body >= 0 else self.service == replica.service.index
        return matches and (self.replicas is None or replica.number in self.replicas)

    def strike(self, request: Request) -> int:
        """Fail a request that has done its steps."""
        if self.crash:
            self.engine.faults.crash_and_restart(request.replica)
        else:
            request.outcome = self.outcome
            request.cause = cause_of(request.replica.service.index, self.outcome)
        return FAILED


class Faults:
    """All faults of a run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dooms: list[Doom] = []
        self.slow_services: dict[int, list[Slowness]] = {}

    def begin(self) -> None:
        """Start the time line of every fault in the plan."""
        for fault in self.engine.system.faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Start one fault's time line; with `replicas: each` one a replica."""
        if fault.body >= 0:  # an endpoint's fault strikes the replicas of its service
            fault = replace(fault, service=self.engine.system.bodies[fault.body].service)
        if fault.replicas == "each" and fault.service >= 0:
            for replica in list(self.engine.services[fault.service].replicas):
                self.engine.env.process(self._line(fault, replica))
        else:
            self.engine.env.process(self._line(fault, None))

    def begin_now(self, fault: Fault) -> Undo:
        """Begin a fault at this instant, as its time line would; what comes back ends it, at the instant it is called.

        For a person who turns something and does not know yet for how long. Raises InvalidFileError when a
        change does not fit; nothing has begun then.
        """
        engine = self.engine
        if fault.body >= 0:
            fault = replace(fault, service=engine.system.bodies[fault.body].service)
        key = draws.stream_key(engine.seed, "replication", engine.replication, "fault", fault.word)
        undo = self._strike(fault, None, 0, key)
        engine.note("fault_begin", fault.label or fault.kind, service=fault.service, fault=fault.index)

        def end() -> None:
            undo()
            engine.note("fault_end", fault.label or fault.kind, service=fault.service, fault=fault.index)

        return end

    def _line(self, fault: Fault, only: Replica | None) -> Generator[Any, Any, None]:
        engine = self.engine
        words: tuple[str | int, ...] = ("fault", fault.word) + ((only.ordinal,) if only is not None else ())
        key = draws.stream_key(engine.seed, "replication", engine.replication, *words)
        occurrence = 0
        while True:
            if fault.every is not None:
                up = draws.duration(fault.every, draws.child_key(key, "up"), occurrence)
                yield engine.pause(up)
            elif fault.at > engine.env.now:
                yield engine.pause(fault.at - engine.env.now)
            if fault.kind == "deploy":
                engine.note("fault_begin", fault.label or fault.kind, service=fault.service, fault=fault.index)
                yield from deploy(engine, fault)
                if fault.every is None:
                    return
                occurrence += 1
                continue
            undo = self._strike(fault, only, occurrence, key)
            engine.note("fault_begin", fault.label or fault.kind, service=fault.service, fault=fault.index)
            if fault.duration is None:
                return
            yield engine.pause(draws.duration(fault.duration, draws.child_key(key, "for"), occurrence))
            undo()
            engine.note("fault_end", fault.label or fault.kind, service=fault.service, fault=fault.index)
            if fault.every is None:
                return
            occurrence += 1

    def _chosen(self, fault: Fault, only: Replica | None, occurrence: int, key: int) -> list[Replica]:
        """The replicas a fault hits this time."""
        if only is not None:
            return [only]
        replicas = list(self.engine.services[fault.service].replicas)
        if fault.replicas != "some":
            return replicas
        chosen = []
        for k in range(min(fault.number, len(replicas))):
            u = draws.uniform(draws.child_key(key, "which"), occurrence * 1024 + k)
            chosen.append(replicas.pop(int(u * len(replicas))))
        return chosen

    def _strike(self, fault: Fault, only: Replica | None, occurrence: int, key: int) -> Undo:
        match fault.kind:
            case "crash":
                return self._crash(self._chosen(fault, only, occurrence, key))
            case "zone":
                return self._zone(fault)
            case "slow":
                return self._slow(fault, only, occurrence, key)
            case "fail":
                return self._fail(fault, only, occurrence, key)
            case "pause":
                return self._pause(fault, only, occurrence, key)
            case "cut" | "delay" | "drop":
                link = LinkFault(self.engine, fault, occurrence)
                self.engine.links.add(link)
                return lambda: self.engine.links.remove(link)
            case _:
                self.engine.apply(fault.changes)
                return lambda: self.engine.withdraw(fault.changes)

    # -- crashes ----------------------------------------------------------------------------

    def crash(self, replica: Replica) -> None:
        """The replica dies now; its balancers learn of it after `detect`."""
        service = replica.service
        if not replica.up:
            replica.downs += 1  # whatever was to start it is off
            return
        self.engine.note("crash", f"{service.name}#{replica.ordinal}", service=service.index)
        replica.crash()
        if service.plan.detect > 0:
            self.engine.after(service.plan.detect, self._detected, (replica, replica.downs))
        else:
            service.forget(replica)

    def _detected(self, seen: tuple[Replica, int]) -> None:
        replica, downs = seen
        if replica.downs == downs and not replica.up:
            replica.service.forget(replica)

    def crash_and_restart(self, replica: Replica) -> None:
        """A process that kills itself: it is started again at once."""
        self.crash(replica)
        replica.service.start_replica(replica)

    def _crash(self, replicas: list[Replica]) -> Undo:
        for replica in replicas:
            self.crash(replica)

        def undo() -> None:
            for replica in replicas:
                if replica.died < 0:
                    replica.service.start_replica(replica)

        return undo

    def _zone(self, fault: Fault) -> Undo:
        hit = [r for s in self.engine.services for r in s.replicas if r.zone == fault.zone]
        stores = [s for s in self.engine.stores if s.plan.zone == fault.zone]
        brokers = [c for c in self.engine.channels if c.plan.zone == fault.zone]
        for broker in brokers:  # one that is out of order gives nothing to those that die with it
            broker.down += 1
        undo_replicas = self._crash(hit)
        for store in stores:  # those that die with it don't hear of it
            store.crash()

        def undo() -> None:
            undo_replicas()
            for store in stores:
                store.down -= 1
            for broker in brokers:
                broker.down -= 1
                broker.link_changed()

        return undo

    def startup(self, service: ServiceRun, replica: Replica) -> int:
        """How long (ns) a replica takes to become ready."""
        dist = service.plan.startup
        if dist.is_constant:
            return round(dist.mean)
        engine = self.engine
        key = draws.stream_key(engine.seed, "replication", engine.replication, "startup", service.name)
        return draws.duration(dist, key, replica.ordinal * 4096 + replica.downs)

    # -- slowness, failures, pauses -------------------------------------------------------------

    def _slow(self, fault: Fault, only: Replica | None, occurrence: int, key: int) -> Undo:
        slowness = Slowness(self.engine, fault, occurrence)
        if fault.store >= 0:
            store = self.engine.stores[fault.store]
            store.slowness.append(slowness)
            return lambda: store.slowness.remove(slowness)
        replicas = self._chosen(fault, only, occurrence, key)
        whole = only is None and fault.replicas == "all"
        if whole:
            self.slow_services.setdefault(fault.service, []).append(slowness)
        for replica in replicas:
            replica.slowness.append(slowness)
            replica.settle()

        def undo() -> None:
            if whole:
                self.slow_services[fault.service].remove(slowness)
            for replica in self.engine.services[fault.service].replicas:
                if slowness in replica.slowness:
                    replica.slowness.remove(slowness)
                    replica.settle()

        return undo

    def born(self, replica: Replica) -> None:
        """A replica that starts while its service is slow is slow too."""
        slow = self.slow_services.get(replica.service.index)
        if slow:
            replica.slowness.extend(slow)
            replica.settle()

    def _fail(self, fault: Fault, only: Replica | None, occurrence: int, key: int) -> Undo:
        replicas = None
        if only is not None or fault.replicas == "some":
            replicas = {r.number for r in self._chosen(fault, only, occurrence, key)}
        doom = Doom(self.engine, fault, occurrence, replicas)
        if fault.store >= 0:
            store = self.engine.stores[fault.store]
            store.failing.append(doom)
            return lambda: store.failing.remove(doom)
        self.dooms.append(doom)
        self.engine.dooms = True

        def undo() -> None:
            self.dooms.remove(doom)
            self.engine.dooms = bool(self.dooms)

        return undo

    def doom(self, request: Request) -> None:
        """Choose, as it starts, whether a request will fail."""
        for doom in self.dooms:
            if doom.concerns(request) and doom.chosen(request):
                request.doom = doom
                return

    def store_fails(self, store: Any, frame: Frame) -> bool:
        """Whether this store operation is chosen to fail."""
        return any(doom.chosen(frame) for doom in store.failing)

    def _pause(self, fault: Fault, only: Replica | None, occurrence: int, key: int) -> Undo:
        if fault.store >= 0:
            store = self.engine.stores[fault.store]
            store.pause()
            return store.unpause
        replicas = self._chosen(fault, only, occurrence, key)
        for replica in replicas:
            cpu.pause(replica)

        def undo() -> None:
            for replica in replicas:
                cpu.unpause(replica)

        return undo
