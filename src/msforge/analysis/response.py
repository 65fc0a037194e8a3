"""Mean times at a constant load: what every body, pool and store takes, queueing included.

Stations are taken one by one (Allen-Cunneen, processor sharing) and put together by the
call tree: a thread is held while its callees answer, so a pool's service time is itself a
response time, solved by fixed point. Stores and CPUs don't depend on it and come first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from msforge.analysis import times
from msforge.analysis.load import Load, consumer_servers
from msforge.analysis.partitions import fullest_share, uneven
from msforge.analysis.queueing import erlang_c, ggc_wait
from msforge.analysis.times import ZERO, Time
from msforge.model.plan import NEVER, UNLIMITED, Block, CallPolicy, Service, Step, Verb
from msforge.records import SECOND

ROUNDS = 500
GIVE_UP = 1e7    # a wait of months, in seconds: the fixed point has no end
FULLEST = "'s fullest thread"
SHORT = 1e-4     # a wait this small beside the service only moves its distribution


@dataclass(frozen=True, slots=True)
class Station:
    """One queue with servers, over all replicas. Times in seconds; infinite where the load is too high."""

    kind: str                     # threads | cpu | connections | consumer
    index: int                    # service, store or consumer
    name: str
    arrivals: float               # per second
    service: float                # mean time one server is held
    scv: float
    servers: float                # all replicas together; inf = no limit
    utilisation: float            # busy share; 0 when servers are unlimited
    wait: float                   # mean time in queue
    busy: float                   # mean servers held

    @property
    def waiting(self) -> float:
        """Mean number in queue, by Little's law."""
        return self.arrivals * self.wait if self.arrivals > 0 else 0.0


class Response:
    """Mean times of everything at one load.

    `queueing=False` gives them as if nobody ever waited; `rough` takes lower bounds where means are dear.
    """

    def __init__(self, load: Load, *, queueing: bool = True, rough: bool = False) -> None:
        self.load = load
        self.rough = rough
        self.system = load.system
        self.queueing = queueing
        self.converged = True
        system = self.system
        self._network = times.of(system.network.latency)
        self._stores = [self._store_station(i) for i in range(len(system.stores))]
        self._cpus = {s.index: self._cpu_station(s) for s in system.services if s.cpu is not None}
        self._threads: dict[int, Station] = {}
        self._sojourn: list[Time] = [ZERO] * len(system.bodies)    # wait and serve, network left out
        self._serve: list[Time] = [ZERO] * len(system.bodies)
        self._solve()

    # --- what others read

    def serve(self, body: int) -> Time:
        """From thread to answer."""
        return self._serve[body]

    def sojourn(self, body: int) -> Time:
        """From arrival at the service to answer: wait for a thread and serve."""
        return self._sojourn[body]

    def hop(self, caller: int, callee: int) -> Time:
        """Network there and back between two services; caller -1 is the clients."""
        both = [self._network, self._network]
        zone = self.system.network.zone_latency
        if zone is not None and caller >= 0:
            apart = self.zones_apart(caller, callee)
            both += [times.mixed([(apart, times.of(zone))])] * 2
        return times.total(both)

    def zones_apart(self, caller: int, callee: int) -> float:
        """Probability that a request crosses zones, replicas spread evenly and chosen evenly."""
        ours, theirs = (self._zone_shares(self.system.services[s]) for s in (caller, callee))
        return 1 - sum(p * theirs.get(z, 0.0) for z, p in ours.items()) if ours and theirs else 0.0

    def entry(self, body: int) -> Time:
        """A client's request to `body`: both hops, the wait, the service."""
        return times.total([self.hop(-1, self.system.bodies[body].service), self._sojourn[body]])

    def call(self, step: Step) -> Time:
        """A try of a call, as its caller sees it; timeouts that fire are not counted."""
        body = self.system.bodies[step.target]
        if body.service == step.service:
            return self._serve[step.target]
        return times.total([self.hop(step.service, body.service), self._sojourn[step.target]])

    def stations(self) -> list[Station]:
        """Every station that has servers to fill: threads, CPUs, stores, consumers."""
        found = [*self._threads.values(), *self._cpus.values(), *self._stores]
        return found + [self._consumer_station(c.index) for c in self.system.consumers]

    # --- stations

    def _store_station(self, index: int) -> Station:
        store = self.system.stores[index]
        reads, writes = self.load.stores[index]
        lam = reads + writes
        if lam <= 0:
            service = times.of(store.read)
        else:
            service = times.mixed([(reads / lam, times.of(store.read)), (writes / lam, times.of(store.write))])
        return _station("connections", index, store.name, lam, service, store.connections, 1, self.queueing)

    def _cpu_station(self, service: Service) -> Station:
        cpu = service.cpu
        assert cpu is not None
        parts = []
        lam = sum(self.load.steps[s.index] for s in self._works(service.index))
        for step in self._works(service.index):
            if lam > 0 and step.dist is not None:
                parts.append((self.load.steps[step.index] / lam, times.of(step.dist)))
        work = times.mixed(parts) if parts else ZERO
        slow = min(1.0, cpu.cores)
        work = times.scaled(work, 1 / slow)
        cores = max(1.0, cpu.cores)
        servers = service.replicas * cores
        offered = lam * work.mean
        wait = 0.0
        if self.queueing and lam > 0 and servers:
            per = lam / service.replicas
            scv = 1.0 if cpu.sharing else work.scv
            wait = _interpolated_wait(per, work.mean, cores, scv)
        use = offered / servers if servers else math.inf if offered > 0 else 0.0
        return Station("cpu", service.index, service.name, lam, work.mean, work.scv, servers, use, wait, offered)

    def _works(self, service: int) -> list[Step]:
        return [s for s in self.system.steps if s.verb is Verb.WORK and s.service == service]

    def _consumer_station(self, index: int) -> Station:
        consumer = self.system.consumers[index]
        lam = self.load.bodies[consumer.body]
        name = self.system.body_name(consumer.body)
        servers = consumer_servers(self.system, index)
        if self.system.channels[consumer.channel].topic:
            share = fullest_share(self.system, index, self.load.steps)
            if uneven(share, servers):  # it falls behind first, and no other thread can help it
                name, lam, servers = f"{name}{FULLEST}", lam * share, 1.0
        return _station("consumer", index, name, lam, self._serve[consumer.body], servers, 1, self.queueing)

    def _thread_station(self, service: Service) -> Station:
        system = self.system
        mine = [b for b in service.bodies if system.bodies[b].consumer < 0 and self._remote[b] > 0]
        lam = sum(self._remote[b] for b in mine)
        hold = times.mixed([(self._remote[b] / lam, self._serve[b]) for b in mine]) if lam > 0 else ZERO
        limited = service.threads != UNLIMITED and service.function is None
        if not limited:
            busy = lam * hold.mean if lam > 0 else 0.0
            return Station("threads", service.index, service.name, lam, hold.mean, hold.scv, math.inf, 0.0, 0.0, busy)
        queueing = self.queueing and not self._work_only(service, mine)
        places = service.threads, service.replicas
        return _station("threads", service.index, service.name, lam, hold, *places, queueing, service.balance)

    def _work_only(self, service: Service, bodies: list[int]) -> bool:
        """Whether requests only compute, with a thread for each core at least: the CPU's queue is then the only one."""
        if service.cpu is None or not service.cpu.sharing or service.threads < service.cpu.cores:
            return False
        return all(self.system.steps[i].verb is Verb.WORK for b in bodies for i in self.load.flow.body(b))

    # --- the fixed point

    def _solve(self) -> None:
        self._remote = self._remote_rates()
        order = self.load.flow.order[::-1]
        self._threads = {s.index: _idle(s) for s in self.system.services}
        for _ in range(ROUNDS):
            before = [t.mean for t in self._sojourn]
            left = [len(s.bodies) for s in self.system.services]
            for body in order:
                self._serve[body] = self._block(self.system.bodies[body].block)
                service = self.system.bodies[body].service
                left[service] -= 1
                if left[service] == 0:  # its pool is known before its callers are looked at
                    self._admit(self.system.services[service])
            if self._settled(before):
                return
        self.converged = False

    def _admit(self, service: Service) -> None:
        station = self._threads[service.index] = self._thread_station(service)
        for body in service.bodies:
            alone = self.system.bodies[body].consumer >= 0
            self._sojourn[body] = self._serve[body] if alone else _plus_wait(self._serve[body], station.wait)

    def _settled(self, before: list[float]) -> bool:
        for old, new in zip(before, self._sojourn, strict=True):
            endless = new.mean > GIVE_UP and old > GIVE_UP
            if not endless and abs(new.mean - old) > 1e-9 * (1 + new.mean):
                return False
        return True

    def _remote_rates(self) -> list[float]:
        """Requests per second to each body that take a thread of their own: calls in place don't."""
        system = self.system
        rates = list(self.load.bodies)
        for edge in system.edges:
            if edge.local:
                rates[edge.callee] = max(0.0, rates[edge.callee] - self.load.steps[edge.step])
        return [r if r > 1e-9 else 0.0 for r in rates]

    # --- steps

    def _block(self, block: Block) -> Time:
        return times.total([self._step(self.system.steps[i]) for i in block]) if block else ZERO

    def _step(self, step: Step) -> Time:
        verb = step.verb
        if verb is Verb.WORK:
            return self._work(step)
        if verb is Verb.WAIT and step.dist is not None:
            return times.of(step.dist)
        if verb is Verb.CALL:
            return self._whole_call(step)
        if verb in (Verb.READ, Verb.WRITE):
            return self._store_step(step)
        if verb is Verb.PUBLISH:
            return ZERO if step.outbox else times.of(self.system.channels[step.target].publish)
        if verb is Verb.GROUP:
            return self._block(step.blocks[0])
        if verb is Verb.REPEAT and step.dist is not None:
            return times.repeated(self._block(step.blocks[0]), step.dist.mean, step.dist.variance)
        if verb is Verb.CHOOSE:
            return times.mixed([(w, self._block(b)) for w, b in zip(step.weights, step.blocks, strict=True)])
        if verb is Verb.PARALLEL:
            blocks = [self._block(b) for b in step.blocks]
            branches = blocks * step.copies if len(blocks) == 1 else blocks
            need = step.need or len(branches)
            if self.rough and need == len(branches):
                return times.at_least_longest(branches)
            return times.least_of(branches, need)
        if verb is Verb.SAGA:
            return times.total([self._block(b) for b in step.blocks[::2]])
        return ZERO

    def _work(self, step: Step) -> Time:
        assert step.dist is not None
        work = times.of(step.dist)
        service = self.system.services[step.service]
        if service.cpu is None:
            return work
        cpu, station = service.cpu, self._cpus[service.index]
        work = times.scaled(work, 1 / min(1.0, cpu.cores))
        if cpu.contention or cpu.coherency:
            n = 1 + self._threads[service.index].busy / service.replicas if self.queueing else 1.0
            work = times.scaled(work, min(1e6, 1 + cpu.contention * (n - 1) + cpu.coherency * n * (n - 1)))
        if cpu.sharing:  # slowed in proportion to its own length
            stretch = 1 + station.wait / station.service if station.service > 0 else 1.0
            return work if stretch == 1 else Time(work.mean * stretch, (work.mean * stretch) ** 2, None, work.exact)
        return _plus_wait(work, station.wait)

    def _store_step(self, step: Step) -> Time:
        if step.cache is None:
            return self._op(step.target, step.verb is Verb.WRITE)
        miss = 1 - self.load.flow.hit(step)
        return times.total([self._op(step.cache.store, False), times.mixed([(miss, self._op(step.target, False))])])

    def _op(self, store: int, write: bool) -> Time:
        plan = self.system.stores[store]
        return _plus_wait(times.of(plan.write if write else plan.read), self._stores[store].wait)

    def _whole_call(self, step: Step) -> Time:
        one = self.call(step)
        policy = step.policy
        if policy.hedge != NEVER and math.isfinite(one.mean):
            one = times.first_of_hedged(one, policy.hedge / SECOND)
        end = self.load.flow.ending(step.target)
        if policy.retry is None or end.error <= 0:
            return one
        again = self.load.flow.body(step.body) if step.body >= 0 else {}
        tries = max(1.0, again.get(step.index, 1.0))
        extra = min(tries - 1, 10.0) if tries > 1 else 0.0
        return Time(one.mean * (1 + extra) + extra * mean_backoff(policy), one.variance * (1 + extra), None, False)

    @staticmethod
    def _zone_shares(service: Service) -> dict[int, float]:
        if not service.zones:
            return {}
        shares: dict[int, float] = {}
        for replica in range(service.replicas):
            zone = service.zones[replica % len(service.zones)]
            shares[zone] = shares.get(zone, 0.0) + 1 / service.replicas
        return shares


def mean_backoff(policy: CallPolicy) -> float:
    """Mean delay before the second try, in seconds."""
    retry = policy.retry
    if retry is None:
        return 0.0
    return retry.backoff / SECOND * {"full": 0.5, "equal": 0.75}.get(retry.jitter, 1.0)


def _plus_wait(part: Time, wait: float) -> Time:
    """A service time after a wait. The wait's spread is taken as that of an exponential with the same mean."""
    if wait <= 0:
        return part
    if math.isinf(wait) or math.isinf(part.mean):
        return Time(math.inf, math.inf, None, part.exact)
    if wait < SHORT * part.mean and part.cdf is not None:
        inner = part.cdf
        return Time(part.mean + wait, part.variance + wait * wait, lambda x: inner(x - wait), part.exact)
    return Time(part.mean + wait, part.variance + wait * wait, None, part.exact)


def _idle(service: Service) -> Station:
    servers = math.inf if service.threads == UNLIMITED else float(service.threads * service.replicas)
    return Station("threads", service.index, service.name, 0.0, 0.0, 0.0, servers, 0.0, 0.0, 0.0)


def _station(
    kind: str, index: int, name: str, lam: float, hold: Time, servers: float, replicas: int, queueing: bool,
    balance: str = "random",
) -> Station:
    """A station of `replicas` times `servers`, fed evenly."""
    if servers == UNLIMITED or math.isinf(servers):
        return Station(kind, index, name, lam, hold.mean, hold.scv, math.inf, 0.0, 0.0, lam * hold.mean if lam else 0.0)
    offered = lam * hold.mean if lam > 0 else 0.0
    every = servers * replicas
    if every <= 0:
        endless = math.inf if offered > 0 else 0.0
        return Station(kind, index, name, lam, hold.mean, hold.scv, 0.0, endless, endless, 0.0)
    wait = 0.0
    if queueing and lam > 0 and hold.mean > 0:
        if math.isinf(hold.mean) or math.isnan(hold.scv):
            wait = math.inf
        elif replicas > 1 and balance in ("least_connections", "power_of_two"):
            wait = ggc_wait(lam, hold.mean, int(every), hold.scv)     # as one shared queue
        else:
            arrivals = 1 / replicas if balance == "round_robin" else 1.0
            wait = ggc_wait(lam / replicas, hold.mean, int(servers), hold.scv, arrivals)
    return Station(kind, index, name, lam, hold.mean, hold.scv, every, offered / every, wait, min(offered, every))


def _interpolated_wait(lam: float, mean: float, cores: float, scv: float) -> float:
    """M/G/c for a number of cores that need not be whole: between the whole numbers around it, in a line."""
    if mean <= 0:
        return 0.0
    if lam * mean >= cores:
        return math.inf
    low, high = math.floor(cores), math.ceil(cores)
    above = ggc_wait(lam, mean, high, scv)
    below = ggc_wait(lam, mean, low, scv) if lam * mean < low else lam * mean / (cores - lam * mean) * mean
    return above if low == high else below + (above - below) * (cores - low)


def share_that_waits(station: Station, replicas: int) -> float:
    """Probability that an arrival finds all servers of its replica busy (Erlang C; Poisson arrivals see averages)."""
    if math.isinf(station.servers) or station.arrivals <= 0:
        return 0.0
    return erlang_c(max(1, int(station.servers / replicas)), station.arrivals * station.service / replicas)
