"""The engine: a System, an Environment, and time.

It can be stepped to a simulated time, given a change and asked for its state. Faults,
deployments, autoscaling and a person's changes all come in by the same few methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import simpy

from msforge.errors import UsageError
from msforge.model.plan import Source, Step, System
from msforge.policies.distributions import Dist
from msforge.recording.records import Happening, Records
from msforge.sim.client import Client
from msforge.sim.deploy import autoscale
from msforge.sim.edges import EdgeRun
from msforge.sim.faults import Faults
from msforge.sim.functions import FunctionReplica
from msforge.sim.guards import all_keys, forget
from msforge.sim.hall import Hall
from msforge.sim.kernel import CHANGE, REQUEST, Timer
from msforge.sim.leaf import FOREVER, Station
from msforge.sim.ledger import Ledger
from msforge.sim.links import Links
from msforge.sim.observer import Observer
from msforge.sim.operations import constant_of
from msforge.sim.programs import Programs
from msforge.sim.queues import QueueRun
from msforge.sim.quiet import quiet_inner, quiet_leaves
from msforge.sim.replica import Replica
from msforge.sim.service import ServiceRun
from msforge.sim.storage import StoreRun
from msforge.sim.streams import Pool
from msforge.sim.timeouts import TimerQueue
from msforge.sim.topics import TopicRun
from msforge.sim.trace import Tracer

if TYPE_CHECKING:

    class Clock(simpy.Environment):
        """SimPy's environment as the engine uses it: its time is whole nanoseconds."""

        @property
        def now(self) -> int:
            """The simulated time (ns)."""

        def schedule(self, event: Any, priority: int = REQUEST, delay: int = 0) -> None:  # type: ignore[override]
            """Put an event on the queue, `delay` ns from now."""


Change = tuple[str, Any]


class Engine:
    """One replication of a System.

    Args:
        system: the plan.
        seed: overrides the plan's seed.
        replication: number of this replication; its dice differ from every other's.
        traces: (source, request number) whose spans are kept.
        shortcuts: leave out events whose outcome is known (`quiet`). The records are the same,
            but the engine takes no changes and `state` knows less.
        keep: put rows and gauges aside for `finish`. Without it memory does not grow with time: whoever steps the
            engine takes the rows out of `roots` and `served`, and there is nothing to finish.
    """

    def __init__(
        self, system: System, *, seed: int | None = None, replication: int = 0,
        traces: frozenset[tuple[int, int]] = frozenset(), shortcuts: bool = False, keep: bool = True,
    ) -> None:
        self.keep = keep
        self.base = system
        self.system = system
        self.seed = system.run.seed if seed is None else seed
        self.replication = replication
        self.warmup = system.run.warmup
        self.duration = system.run.duration
        self.traces = traces
        self.tracer = Tracer(self) if traces else None
        self.env: Clock = simpy.Environment(initial_time=0)  # type: ignore[assignment]
        self.schedule: Callable[..., None] = self.env.schedule
        self.pool = Pool()
        self.slots = 0
        self.served: list[int] = []
        self.roots: list[int] = []
        self.shortcuts = shortcuts and not traces and system.overheads is None
        self.quiet = quiet_leaves(system) if self.shortcuts else frozenset()
        self.inner = quiet_inner(system, self.quiet)
        self.happenings: list[Happening] = []
        self.breakers: list[Any] = []
        self.sagas: dict[int, list[int]] = {}  # step -> undone, stuck
        self.changes: tuple[Change, ...] = ()
        self.dooms = False
        self.deadlines = any(s.policy.deadline >= 0 for s in system.steps)
        self.outbox = 0
        self.timers: dict[int, TimerQueue] = {}
        self._set_latency()
        self.edges = [EdgeRun() for _ in system.edges]
        self.no_edge = EdgeRun()
        self.edge_places = {(e.caller, system.steps[e.step].path): e.index for e in system.edges}
        self.links = Links(self)
        self.faults = Faults(self)
        self.all_replicas: list[Replica] = []
        self.ledger = Ledger(self)
        self._build(system)
        self._begin(system)

    def _build(self, system: System) -> None:
        """Make what stands in the system, with the replicas it begins with."""
        self.programs = Programs(self, system)
        self.services = [ServiceRun(self, s) for s in system.services]
        self.stores = [StoreRun(self, s) for s in system.stores]
        self.channels = [TopicRun(self, c) if c.topic else QueueRun(self, c) for c in system.channels]
        for service in self.services:
            for _ in range(1 if service.plan.function is not None else service.plan.replicas):
                service.add_replica(0, ready=True)
        for service in self.services:
            threads = service.plan.threads if service.plan.threads >= 0 else FOREVER
            if service.index in self.quiet:
                capacity = service.plan.queue if service.plan.queue >= 0 else FOREVER
                service.quieten([Station(r.number, threads, capacity) for r in service.replicas])
            elif service.index in self.inner:
                service.quieten([Hall(self, r.number, threads) for r in service.replicas])
        self.ledger.begin()

    def _begin(self, system: System) -> None:
        """Put the first events on the queue: arrivals, faults, autoscalers, and the reading of gauges."""
        self.observer = Observer(self, system)
        self.clients = [Client(self, source, system) for source in system.sources]
        self.faults.begin()
        for service in self.services:
            self.env.process(autoscale(self, service))
        if self.keep:
            self.env.process(self.observer.tick())

    # -- what the parts ask of the engine -----------------------------------------------------

    def next_slot(self) -> int:
        """A number no other operation has."""
        self.slots += 1
        return self.slots

    def after(self, delay: int, act: Callable[[Any], None], subject: Any) -> Timer:
        """Call `act(subject)` in `delay` ns; at once when that is 0."""
        timer = Timer(act, subject)
        if delay > 0:
            self.schedule(timer, REQUEST, delay)
        else:
            act(subject)
        return timer

    def pause(self, delay: int) -> simpy.Event:
        """An event for a process to wait `delay` ns on; changes come before requests of the same instant."""
        event = simpy.Event(self.env)
        event._ok = True
        event._value = None
        self.env.schedule(event, CHANGE, delay)
        return event

    def note(self, kind: str, subject: str, detail: str = "", service: int = -1, fault: int = -1) -> None:
        """Put a mark on the time line."""
        self.happenings.append(Happening(self.env.now, kind, subject, detail, service, fault))

    def new_replica(self, service: ServiceRun, ordinal: int, zone: int, now: int) -> Replica:
        """A replica with a run-wide number, consumers attached."""
        kind = FunctionReplica if service.plan.function is not None else Replica
        replica = kind(service, ordinal, len(self.all_replicas), zone, now)
        self.all_replicas.append(replica)
        for consumer in self.system.consumers:
            if consumer.service == service.index:
                replica.workers.append(self.channels[consumer.channel].attach(consumer, replica))
        return replica

    def timer_of(self, timeout: int) -> TimerQueue | None:
        """The timer shared by all tries with this timeout (ns); None without one."""
        if timeout < 0:
            return None
        if timeout not in self.timers:
            self.timers[timeout] = TimerQueue(self, timeout)
        return self.timers[timeout]

    def edge_of(self, system: System, step: Step) -> EdgeRun:
        """The counters of a call step; a changed plan's steps count where the first plan's did."""
        if step.edge < 0:
            return self.no_edge
        index = self.edge_places.get((system.edges[step.edge].caller, step.path))
        return self.edges[index] if index is not None else self.no_edge

    def reachable(self, frame: Any, store: StoreRun) -> bool:
        """Whether no cut stands between a frame's service and a store."""
        return not self.links.active or self.links.reachable(frame, store=store.index)

    def broker_reachable(self, frame: Any, channel: Any) -> bool:
        """Whether no cut stands between a frame's service and a channel's broker."""
        return not self.links.active or self.links.reachable(frame, channel=channel.index)

    def traced_of(self, source: int) -> frozenset[int] | None:
        """The request numbers of a source that are traced."""
        numbers = frozenset(n for s, n in self.traces if s == source)
        return numbers or None

    def cold_start(self, replica: FunctionReplica, delay: int) -> None:
        """An instance starts cold; the first few are marked on the time line."""
        if replica.cold_starts <= 100:
            self.note("cold_start", replica.service.name, f"{delay / 1e9:.3g} s", replica.service.index)

    def _set_latency(self) -> None:
        dist = self.system.network.latency
        self.latency_constant = max(0, constant_of(dist))
        self.latency: Dist | None = None if constant_of(dist) >= 0 else dist
        self.client_latency = self.brief_latency = self.latency
        self.brief: frozenset[int] = frozenset()
        self.hand_off: Dist | None = None
        self.delivery: Dist | None = None
        overheads = self.system.overheads
        if overheads is not None:
            self.latency, self.client_latency = overheads.hop("call", dist), overheads.hop("client", dist)
            self.brief_latency, self.brief = overheads.hop("short call", dist), overheads.brief
            self.hand_off, self.delivery = overheads.hand_off, overheads.delivery

    def latency_to(self, body: int) -> Dist | None:
        """Latency of one way of a call to a body; None when it is `latency_constant`."""
        return self.brief_latency if body in self.brief else self.latency

    # -- changes ------------------------------------------------------------------------------

    def apply(self, changes: tuple[Change, ...]) -> None:
        """Turn what the language can set: dotted paths and values, from now on.

        Raises InvalidFileError when a change does not fit; nothing has changed then. Raises UsageError
        when the engine was made with shortcuts and relies on nothing changing.
        """
        if self.quiet:
            raise UsageError("this engine was made with shortcuts", hint="make the Engine without them to change it")
        self._adopt((*self.changes, *changes))
        for path, value in changes:
            self.note("change", path, str(value))

    def withdraw(self, changes: tuple[Change, ...]) -> None:
        """Take back changes that were applied."""
        left = list(self.changes)
        for change in changes:
            left.remove(change)
        self._adopt(tuple(left))

    def settle_deploy(self, changes: tuple[Change, ...]) -> None:
        """What a deployed version changes is the plan from now on."""
        self._adopt((*self.changes, *changes))

    def _adopt(self, changes: tuple[Change, ...]) -> None:
        system = self.base.variant(changes) if changes else self.base
        self.changes = changes
        before, self.system = self.system, system
        gone = all_keys(before) - all_keys(system)
        self._set_latency()
        self.deadlines = self.deadlines or any(s.policy.deadline >= 0 for s in system.steps)
        self.programs = Programs(self, system)
        self.links.settle()
        for store in self.stores:
            store.adopt(system.stores[store.index])
        for channel in self.channels:
            channel.adopt(system.channels[channel.index])
        for service in self.services:
            plan = system.services[service.index]
            service.programs = self.programs
            service.adopt(plan)
            if service.deploying:
                coming = self.base.variant((*changes, *service.deploying))
                service.next_programs, service.next_plan = Programs(self, coming), coming.services[service.index]
            for replica in service.replicas:
                ahead = bool(service.deploying) and replica.version == service.version
                replica.programs = service.next_programs if ahead else self.programs
                replica.plan = service.next_plan if ahead else plan
                replica.configure()
                forget(replica, gone)
            if plan.replicas != before.services[service.index].replicas and plan.function is None:
                service.scale(plan.replicas, "change")
        for channel in self.channels:
            channel.adopt_consumers(system)
        for client in self.clients:
            source: Source = system.sources[client.index]
            client.adopt(source, system)
            forget(client, gone)

    # -- time -----------------------------------------------------------------------------------

    def run_to(self, time: int) -> None:
        """Run all events before `time` (ns); running on in steps gives the same as in one go."""
        if time > self.env.now:
            self.env.run(until=time)

    def undisturbed(self, time: int) -> bool:
        """Whether no change stands on the queue for `time` (ns): one put there now is the only one then."""
        return not any(at == time and priority == CHANGE for at, priority, *_ in self.env._queue)

    @property
    def finished_roots(self) -> int:
        """Root requests that have ended."""
        return sum(sum(c.ended) for c in self.clients)

    def open_work(self) -> int:
        """Root requests and messages still under way."""
        self.observer.settle(self.env.now)
        roots = sum(c.requests - sum(c.ended) for c in self.clients)
        return roots + sum(c.in_flight() for c in self.channels) + self.outbox

    def finish(self, *, interrupted: bool = False) -> Records:
        """End the run here and hand over what it recorded. Raises ConservationError on a lost request."""
        return self.observer.finish(interrupted=interrupted)

    def state(self) -> dict[str, Any]:
        """What is going on now: plain data for a person to look at."""
        now = self.env.now
        return {
            "time": now,
            "services": {
                s.name: {
                    "replicas": len(s.replicas),
                    "ready": len([r for r in s.replicas if r.up and not r.leaving]),
                    "busy": sum(r.gauge_busy.value for r in s.replicas),
                    "waiting": sum(r.waiting for r in s.replicas),
                    "arrived": s.arrived,
                    "ended": list(s.ended),
                }
                for s in self.services
            },
            "stores": {s.plan.name: {"busy": s.busy.value, "waiting": s.wait.value} for s in self.stores},
            "channels": {
                c.plan.name: dict(zip(("backlog", "unacked", "oldest_age"), c.gauges(now), strict=True))
                for c in self.channels
            },
            "sources": {
                c.name: {"arrived": c.requests, "ended": list(c.ended)} for c in self.clients
            },
        }
