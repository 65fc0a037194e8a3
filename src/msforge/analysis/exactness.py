"""Where the mean latency is exact, where it is an approximation, and why.

Exact means product form (Jackson 1957; Baskett, Chandy, Muntz and Palacios 1975) or one queue
met by a Poisson stream (Pollaczek and Khinchine): then means add up. Whoever waits for a
blocked thread, joins branches, or meets a stream that another queue has reshaped, is outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from msforge.analysis.finding import listed, percent
from msforge.analysis.levels import Solved
from msforge.analysis.queueing import erlang_c
from msforge.analysis.response import Station
from msforge.model.plan import NEVER, UNLIMITED, Block, Service, Source, Step, System, Verb
from msforge.records import SECOND

NEGLIGIBLE = 1e-3    # a wait below this share of an entry's latency decides nothing
RARE = 1e-4          # an event below this probability decides nothing


@dataclass
class Verdict:
    """What was used and what is in the way, in words, each once and in the order met."""

    _methods: dict[str, list[str]] = field(default_factory=dict)
    _reasons: dict[str, list[str]] = field(default_factory=dict)

    def used(self, method: str, name: str = "") -> None:
        """A formula that a mean rests on, and where."""
        names = self._methods.setdefault(method, [])
        if name and name not in names:
            names.append(name)

    def but(self, reason: str, name: str = "") -> None:
        """Why the mean is not exact; `{}` in the reason stands for all names it holds for."""
        names = self._reasons.setdefault(reason, [])
        if name and name not in names:
            names.append(name)

    @property
    def methods(self) -> tuple[str, ...]:
        """Formulas with the names they are used for."""
        return tuple(f"{method}: {_some(names)}" if names else method for method, names in self._methods.items())

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not exact, one sentence a kind."""
        return tuple(reason.replace("{}", _some(names)) for reason, names in self._reasons.items())


def _some(names: list[str]) -> str:
    if not names:
        return ""
    return listed(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])


class Exactness:
    """Judges one level."""

    def __init__(self, level: Solved) -> None:
        self.level = level
        self.system: System = level.load.system
        self.response = level.response
        self.stations = {(s.kind, s.index): s for s in level.response.stations()}
        self._reshaped = self._streams()

    def entry(self, body: int) -> Verdict:
        """The verdict on one entry's mean latency."""
        verdict = Verdict()
        self._traffic(verdict, body)
        scale = self.response.entry(body).mean
        _Walk(self, verdict, scale).body(body, from_client=True)
        if not verdict.methods and not verdict.reasons:
            verdict.used("sums of means; nobody waits")
        return verdict

    def _traffic(self, verdict: Verdict, body: int) -> None:
        for source in self.system.sources:
            if self.level.rates[source.index] <= 0:
                continue
            if source.users > 0:
                many = "exact for one user" if source.users == 1 else "approximate mean value analysis (Schweitzer)"
                verdict.but(f"{source.name} is a closed loop: {many}")
            elif source.arrivals in ("constant", "bursty", "given") and self._queues():
                verdict.but(f"{source.name} does not arrive as a Poisson stream ({source.arrivals})")
        if self.level.ramping and self._queues():
            verdict.but("the rate is changing then: this is where the mean would settle if it stayed")

    def _queues(self) -> bool:
        return any(s.wait > 0 for s in self.stations.values())

    # --- which stations meet a stream that is still Poisson

    def _streams(self) -> set[tuple[str, int]]:
        """Stations that some request meets after a queue or a join that reshapes the stream."""
        reshaped: set[tuple[str, int]] = set()
        for source in self.system.sources:
            if self.level.rates[source.index] > 0:
                self._journey(source, source.journey, False, reshaped)
        for consumer in self.system.consumers:
            if self.level.load.bodies[consumer.body] > 0:
                self._follow(self.system.bodies[consumer.body].block, True, reshaped)
        return reshaped

    def _journey(self, source: Source, block: Block, late: bool, reshaped: set[tuple[str, int]]) -> bool:
        for step in (self.system.steps[i] for i in block):
            if step.verb is Verb.CALL:
                late = self._request(step.target, late, reshaped)
            for inner in step.blocks:
                late = self._journey(source, inner, late, reshaped) or late
        return late

    def _request(self, body: int, late: bool, reshaped: set[tuple[str, int]]) -> bool:
        service = self.system.services[self.system.bodies[body].service]
        late = self._visit(("threads", service.index), late, reshaped, leaf=self._leaf(service))
        return self._follow(self.system.bodies[body].block, late, reshaped)

    def _follow(self, block: Block, late: bool, reshaped: set[tuple[str, int]]) -> bool:
        for step in (self.system.steps[i] for i in block):
            late = self._stream(step, late, reshaped)
        return late

    def _stream(self, step: Step, late: bool, reshaped: set[tuple[str, int]]) -> bool:
        if step.verb is Verb.CALL:
            if self.system.bodies[step.target].service == step.service:
                return self._follow(self.system.bodies[step.target].block, late, reshaped)
            return self._request(step.target, late, reshaped)
        if step.verb is Verb.WORK:
            return self._visit(("cpu", step.service), late, reshaped, leaf=True)
        if step.verb in (Verb.READ, Verb.WRITE):
            if step.cache is not None:
                late = self._visit(("connections", step.cache.store), late, reshaped, leaf=True)
            return self._visit(("connections", step.target), late, reshaped, leaf=True)
        if step.verb is Verb.PARALLEL:
            ends = [self._follow(b, late, reshaped) for b in step.blocks]
            many = len(step.blocks) > 1 or step.copies > 1
            return late or any(ends) or (many and self._waits_inside(step.blocks))
        if step.blocks:
            rounds = 2 if step.verb is Verb.REPEAT else 1
            blocks = step.blocks[::2] if step.verb is Verb.SAGA else step.blocks
            for _ in range(rounds):
                ends = [self._follow(b, late, reshaped) for b in blocks]
                late = late or any(ends)
        return late

    def _visit(self, key: tuple[str, int], late: bool, reshaped: set[tuple[str, int]], *, leaf: bool) -> bool:
        station = self.stations.get(key)
        if station is None or station.wait <= 0:
            return late
        if late:
            reshaped.add(key)
        return late or not leaf or not self.memoryless(station)

    def _leaf(self, service: Service) -> bool:
        """Threads held for work and waits of one's own only."""
        return all(
            self.system.steps[i].verb in (Verb.WORK, Verb.WAIT)
            for b in service.bodies if self.level.load.bodies[b] > 0 and self.system.bodies[b].consumer < 0
            for i in self.level.load.flow.body(b)
        )

    def _waits_inside(self, blocks: tuple[Block, ...]) -> bool:
        found: set[tuple[str, int]] = set()
        for block in blocks:
            self._follow(block, True, found)
        return bool(found)

    # --- what a station is

    def memoryless(self, station: Station) -> bool:
        """Whether what leaves it is Poisson again: M/M/c first come first served, or processor sharing."""
        if not self.fair(station):
            return False
        if station.kind == "cpu":
            cpu = self.system.services[station.index].cpu
            if cpu is not None and cpu.sharing:
                return self.system.services[station.index].threads == UNLIMITED or self._exponential(station)
        return self._exponential(station)

    def fair(self, station: Station) -> bool:
        """Whether each replica of it meets a Poisson stream: one replica, or chosen at random."""
        if station.kind == "connections":
            return True
        service = self.system.services[station.index]
        return service.replicas == 1 or (service.balance == "random")

    def _exponential(self, station: Station) -> bool:
        """Whether all that is served there is exponential with one mean."""
        system, load = self.system, self.level.load
        dists = []
        if station.kind == "connections":
            store = system.stores[station.index]
            reads, writes = load.stores[station.index]
            dists = [d for d, n in ((store.read, reads), (store.write, writes)) if n > 0]
        elif station.kind == "cpu":
            dists = [
                s.dist for s in system.steps
                if s.verb is Verb.WORK and s.service == station.index and load.steps[s.index] > 0 and s.dist is not None
            ]
        else:
            for body in system.services[station.index].bodies:
                if load.bodies[body] <= 0 or system.bodies[body].consumer >= 0:
                    continue
                steps = [system.steps[i] for i in system.bodies[body].block]
                if len(steps) != 1 or steps[0].dist is None or steps[0].verb not in (Verb.WORK, Verb.WAIT):
                    return False
                dists.append(steps[0].dist)
        return all(d.kind == "exponential" for d in dists) and len({d.mean for d in dists}) <= 1

    def station(self, station: Station, verdict: Verdict, scale: float) -> None:
        """Adds the formula of a station that an entry waits at, and why it is not exact if it is not."""
        if station.wait <= NEGLIGIBLE * scale:
            return
        name = {"connections": station.name, "cpu": f"{station.name}'s CPU"}.get(station.kind, station.name)
        servers = station.servers if station.kind == "connections" else station.servers / self._replicas(station)
        c = "1" if servers == 1 else f"{servers:g}"
        if (station.kind, station.index) in self._reshaped:
            verdict.but("requests reach {} in a stream that others have reshaped, not a Poisson one", name)
        if not self.fair(station):
            balance = self.system.services[station.index].balance.replace("_", " ")
            verdict.but(f"{balance} over replicas is no random choice: {{}}", name)
        sharing = station.kind == "cpu" and self._sharing(station.index)
        if sharing:
            verdict.used(f"M/G/{c} processor sharing", name)
            if self.system.services[station.index].threads != UNLIMITED and not self._exponential(station):
                verdict.but("threads limit how many share {}", name)
        elif self._exponential(station):
            verdict.used(f"M/M/{c} (Erlang C)", name)
        else:
            method = "M/G/1 (Pollaczek-Khinchine)" if servers == 1 else f"M/G/{c} (Allen-Cunneen)"
            verdict.used(method, name)
            if station.kind == "threads" and not self._leaf(self.system.services[station.index]):
                verdict.but("threads are held while others answer: {}", name)
            elif servers != 1:
                verdict.but("service times are not exponential, so Allen-Cunneen approximates: {}", name)
        self._bounded(station, servers, verdict)

    def _replicas(self, station: Station) -> int:
        return max(1, self.system.services[station.index].replicas)

    def _sharing(self, service: int) -> bool:
        cpu = self.system.services[service].cpu
        return cpu is not None and cpu.sharing

    def _bounded(self, station: Station, servers: float, verdict: Verdict) -> None:
        """Full queues refuse; the formulas let everyone wait."""
        if station.kind != "threads":
            return
        service = self.system.services[station.index]
        if service.discipline != "fifo":
            verdict.but(f"{service.name} queues by {service.discipline}")
        if service.queue == UNLIMITED or not 0 < station.utilisation < 1:
            return
        waits = erlang_c(max(1, int(servers)), station.utilisation * servers)
        full = waits * station.utilisation ** (service.queue + 1)
        if full > RARE:
            verdict.but(f"{service.name}'s queue of {service.queue} is full for about {percent(full)} of requests")


class _Walk:
    """Looks at everything one request meets."""

    def __init__(self, judge: Exactness, verdict: Verdict, scale: float) -> None:
        self.judge = judge
        self.verdict = verdict
        self.scale = scale
        self.seen: set[int] = set()

    def body(self, body: int, *, from_client: bool = False, local: bool = False) -> None:
        system, verdict = self.judge.system, self.verdict
        if body in self.seen:
            return
        self.seen.add(body)
        service = system.services[system.bodies[body].service]
        if not local:
            self.judge.station(self.judge.stations["threads", service.index], verdict, self.scale)
        if service.index in {i for kind, i in self.judge.stations if kind == "cpu"} and self._works(body):
            self.judge.station(self.judge.stations["cpu", service.index], verdict, self.scale)
            if service.cpu is not None and (service.cpu.contention or service.cpu.coherency):
                verdict.but(f"{service.name}'s work grows with its load (scalability law), taken at the mean")
        if service.function is not None:
            verdict.but(f"{service.name} is a function: cold starts are not counted")
        if service.autoscale is not None:
            verdict.but(f"{service.name} is autoscaled: taken at the {service.replicas} replicas where it settles")
        if service.rate > 0 and self._rate(service) > 0.7 * service.rate * service.replicas:
            verdict.but(f"{service.name}'s rate limit refuses some")
        self.block(system.bodies[body].block)

    def _rate(self, service: Service) -> float:
        return sum(self.judge.level.load.bodies[b] for b in service.bodies)

    def _works(self, body: int) -> bool:
        steps = self.judge.system.steps
        return any(steps[i].verb is Verb.WORK for i in self.judge.level.load.flow.body(body))

    def block(self, block: Block) -> None:
        for index in block:
            self.step(self.judge.system.steps[index])

    def step(self, step: Step) -> None:
        judge, verdict = self.judge, self.verdict
        if step.verb is Verb.CALL:
            self.call(step)
        elif step.verb in (Verb.READ, Verb.WRITE):
            judge.station(judge.stations["connections", step.target], verdict, self.scale)
            if step.cache is not None:
                judge.station(judge.stations["connections", step.cache.store], verdict, self.scale)
                if step.cache.keys is not None:
                    verdict.but("cache hits are Che's approximation, in steady state")
        elif step.verb is Verb.FAIL and step.rate > 0:
            verdict.but("only requests that no `fail` step ends are counted")
        elif step.verb is Verb.PARALLEL and (len(step.blocks) > 1 or step.copies > 1):
            self._parallel(step)
        elif step.verb is Verb.REPEAT and step.dist is not None and not step.dist.is_constant:
            verdict.used("repeats: their mean number (Wald)")
        for inner in step.blocks[::2] if step.verb is Verb.SAGA else step.blocks:
            self.block(inner)

    def _parallel(self, step: Step) -> None:
        found: set[tuple[str, int]] = set()
        for block in step.blocks:
            self.judge._follow(block, True, found)
        if any(self.judge.stations[k].wait > NEGLIGIBLE * self.scale for k in found):
            self.verdict.used("joined branches: maximum of independent ones")
            self.verdict.but("branches that wait in queues fed together are not independent: their maximum is a bound")
        elif not self.judge.response._step(step).exact or not self._simple(step):
            self.verdict.used("joined branches: maximum of lognormal fits")
            self.verdict.but("a branch's distribution is fitted by its two moments")
        else:
            self.verdict.used("joined branches: exact maximum of their distributions")

    def _simple(self, step: Step) -> bool:
        return all(self.judge.response._block(b).cdf is not None for b in step.blocks)

    def call(self, step: Step) -> None:
        policy, verdict, system = step.policy, self.verdict, self.judge.system
        name = system.body_name(step.target)
        time = self.judge.response.call(step)
        for limit, word in ((policy.timeout, "timeout"), (policy.deadline, "deadline")):
            if limit != NEVER and math.isfinite(time.mean):
                late = 1 - time.below(limit / SECOND)
                if late > RARE:
                    verdict.but(f"about {percent(late)} of calls to {name} meet their {word}: retries are not counted")
        if policy.hedge != NEVER:
            verdict.used("hedges: the smaller of two independent tries")
            if time.cdf is None:
                verdict.but(f"the time of a call to {name} is fitted by its two moments")
            verdict.but(f"the load that hedges add to {name} is not counted")
        if policy.bulkhead != UNLIMITED:
            replicas = max(1, system.services[step.service].replicas)
            if self.judge.level.load.steps[step.index] * time.mean / replicas > policy.bulkhead / 2:
                verdict.but(f"the bulkhead before {name} refuses some")
        if self.judge.level.load.flow.ending(step.target).ok < 1:
            verdict.but(f"{name} fails at times: tries and backoffs are taken at their mean")
        self.body(step.target, local=system.bodies[step.target].service == step.service)
