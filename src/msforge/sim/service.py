"""A service while it runs: its replicas, and who balances requests over them."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Service
from msforge.recording.records import Happening
from msforge.records import OUTCOMES
from msforge.sim.replica import Replica

if TYPE_CHECKING:
    from msforge.sim.calls import Call
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs
    from msforge.sim.request import Request

PICK = -2  # slot of balancing draws


class Balancer:
    """Picks a replica among those believed ready. Shared by a service's callers, or one per caller replica."""

    __slots__ = ("counts", "service", "turn")

    def __init__(self, service: ServiceRun, turn: int = 0) -> None:
        self.service = service
        self.turn = turn
        self.counts: dict[int, int] = {}

    def pick(self, call: Call) -> Replica | None:
        """The replica for the next try of `call`; None when none is believed ready."""
        ready = self.service.believed
        count = len(ready)
        if count < 2:
            return ready[0] if count else None
        kind = self.service.plan.balance
        if kind == "round_robin":
            turn = self.turn
            self.turn = turn + 1
            return ready[turn % count]
        if kind == "random":
            return ready[int(call.draw(PICK, "pick") * count)]
        return self._least(call, ready, kind)

    def _least(self, call: Call, ready: list[Replica], kind: str) -> Replica:
        u = call.draw(PICK, "pick")
        counts = self.counts
        if kind == "power_of_two":
            pair = int(u * len(ready) * (len(ready) - 1))  # an ordered pair of distinct replicas
            first, second = divmod(pair, len(ready) - 1)
            second += second >= first
            candidates = [ready[first], ready[second]]
            least = min(counts.get(r.number, 0) for r in candidates)
            best = [r for r in candidates if counts.get(r.number, 0) == least]
            return best[0]  # the pair is ordered at random, so the first is a fair tie-break
        least = min(counts.get(r.number, 0) for r in ready)
        best = [r for r in ready if counts.get(r.number, 0) == least]
        return best[int(u * len(best))]

    def sent(self, request: Request) -> None:
        """Count a request on its way, for the kinds that look at connections."""
        if self.service.counting:
            number = request.replica.number
            self.counts[number] = self.counts.get(number, 0) + 1
            request.balancer = self

    def settled(self, request: Request) -> None:
        """The caller has its answer or gave up."""
        request.balancer = None
        self.counts[request.replica.number] -= 1


class ServiceRun:
    """All that changes about one service. `believed` are the replicas its balancers think ready."""

    def __init__(self, engine: Engine, plan: Service) -> None:
        self.engine = engine
        self.index = plan.index
        self.name = plan.name
        self.plan = plan
        self.programs: Programs = engine.programs
        self.version = 0
        self.arrived = 0
        self.ended = [0] * OUTCOMES
        self.replicas: list[Replica] = []
        self.believed: list[Replica] = []
        self.made = 0
        self.shared = Balancer(self)
        self.clients: dict[int, Balancer] = {}
        self.stations: list[Any] = []
        self.pick: Any = None
        self.next_plan = plan
        self.next_programs: Programs = engine.programs
        self.deploying: tuple[Any, ...] = ()  # what the version that is being deployed changes
        self.slots = 0
        self.counting = False
        self.adopt(plan)

    def adopt(self, plan: Service) -> None:
        """Take a changed plan."""
        self.plan = plan
        self.counting = plan.balance in ("least_connections", "power_of_two")
        system = self.engine.system
        endpoints = any(system.bodies[b].consumer < 0 for b in plan.bodies)
        consumers = sum(c.threads for c in system.consumers if c.service == self.index)
        self.slots = -1 if endpoints and plan.threads < 0 else (plan.threads if endpoints else 0) + consumers

    def quieten(self, stations: list[Any]) -> None:
        """Have stations in place of replicas: `pick()` gives number and station of the next in turn."""
        self.stations = stations
        self.pick = cycle([(s.number, s) for s in stations]).__next__

    def balancer(self, caller: Any) -> Balancer:
        """The balancer that a caller (a replica; None for a traffic source) uses."""
        if not self.plan.client_balancer:
            return self.shared
        key = caller.number if caller is not None else -1
        found = self.clients.get(key)
        if found is None:
            found = self.clients[key] = Balancer(self, max(key, 0))
        return found

    # -- replicas --------------------------------------------------------------------------

    def add_replica(self, now: int, *, ready: bool, version: int = -1) -> Replica:
        """A new replica, of a version being deployed when given; unless `ready` the caller makes it ready later."""
        zones = self.plan.zones
        zone = zones[self.made % len(zones)] if zones else -1
        replica = self.engine.new_replica(self, self.made, zone, now)
        if version >= 0:
            replica.version = version
            replica.plan = self.next_plan
            replica.programs = self.next_programs
            replica.configure()
        self.made += 1
        self.replicas.append(replica)
        self.engine.faults.born(replica)
        if ready:
            self.make_ready(replica)
        return replica

    def make_ready(self, replica: Replica) -> None:
        """The replica takes requests from now on."""
        if replica.died >= 0:
            return
        if not replica.up:
            replica.go_up(self.engine.env.now)
        if not replica.leaving and replica not in self.believed:
            self.believed.append(replica)
            self.believed.sort(key=_ordinal)

    def forget(self, replica: Replica) -> None:
        """The balancers send it nothing more."""
        if replica in self.believed:
            self.believed.remove(replica)

    def start_replica(self, replica: Replica) -> None:
        """Make it ready after the service's startup time."""
        engine = self.engine
        delay = engine.faults.startup(self, replica)
        engine.after(delay, self._started, (replica, replica.downs))

    def _started(self, started: tuple[Replica, int]) -> None:
        replica, downs = started
        if replica.died < 0 and replica.downs == downs and not replica.up:
            self.make_ready(replica)
            self.engine.note("ready", f"{self.name}#{replica.ordinal}", service=self.index)

    def retire(self, replica: Replica, then: Any = None) -> None:
        """Take a replica out: it finishes what it has and ends; `then()` is called after that."""
        replica.leaving = True
        self.forget(replica)
        replica.on_empty = lambda r: self.end_of(r, then)
        if not replica.up or (not replica.gauge_busy.value and not replica.waiting):
            self.end_of(replica, then)

    def end_of(self, replica: Replica, then: Any = None) -> None:
        """The replica is gone for good."""
        if replica.died >= 0:
            return
        now = self.engine.env.now
        if replica.up:
            replica.go_down(now)
        replica.died = now
        self.replicas.remove(replica)
        for worker in replica.workers:
            worker.replica_down()
        if then is not None:
            then()

    def scale(self, wanted: int, why: str = "") -> None:
        """Have `wanted` replicas: new ones start up, the youngest leave."""
        staying = [r for r in self.replicas if not r.leaving]
        now = self.engine.env.now
        if wanted == len(staying):
            return
        note = f"{len(staying)} -> {wanted}" + (f" ({why})" if why else "")
        self.engine.happenings.append(Happening(now, "scale", self.name, note, self.index))
        for _ in range(wanted - len(staying)):
            self.start_replica(self.add_replica(now, ready=False))
        for replica in staying[wanted:] if wanted < len(staying) else []:
            self.retire(replica)

    def in_flight(self) -> int:
        """Requests inside the service now."""
        return sum(len(r.active) + r.waiting for r in self.replicas)


def _ordinal(replica: Replica) -> int:
    return replica.ordinal
