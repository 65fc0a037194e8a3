"""A whole system on the runtime, in virtual time and without sockets: the simulator's twin.

It interprets the model's plan step by step through `Flow`, sends requests from replica to replica in memory, strikes
with the plan's faults, and tells in the table of cases' words what was seen. What differs from the simulator is a bug.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from casetable import Entry
from instants import Instants
from observed import Observed, Seen

from msforge.model.plan import CLIENTS, CallPolicy, Fault, Service, Step, System, Verb
from msforge.policies.breaker import STATES
from msforge.policies.keys import child_key, stream_key, uniform
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.asgi import CONNECTION, Connection
from msforge.runtime.balancer import Balancer
from msforge.runtime.calls import Calling
from msforge.runtime.directory import Directory
from msforge.runtime.flow import Flow
from msforge.runtime.place import root_key
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve
from msforge.runtime.transport import Transport, Try

MS = 1_000_000
WORDS = [outcome.word for outcome in Outcome]


def call_of(system: System, step: Step) -> plan.Call:
    """A call step as a generated service has it."""
    body = system.bodies[step.target]
    p: CallPolicy = step.policy
    retry = None
    if p.retry is not None:
        b = p.retry.budget
        budget = None if b is None else plan.Budget(b.kind, b.ratio, b.burst, b.minimum, b.max_tokens, b.token_ratio)
        retry = plan.Retry(
            p.retry.attempts, p.retry.backoff, p.retry.factor, p.retry.max_backoff, p.retry.jitter,
            frozenset(WORDS[o] for o in p.retry.on), budget,
        )
    b = p.breaker
    breaker = None if b is None else plan.Breaker(
        b.failure_rate, b.consecutive, b.slow_rate, b.slow_duration, b.window, b.timed, b.minimum_calls, b.open_for,
        b.trial_calls,
    )
    return plan.Call(
        system.services[body.service].name, body.name, "POST", f"/{body.name}", step.word, p.timeout, p.deadline,
        p.cancel, retry, breaker, p.bulkhead, p.hedge,
        None if p.throttle is None else plan.Throttle(p.throttle.k, p.throttle.window), p.priority,
        not body.idempotent,
    )


class Network(Transport):
    """Carries requests in memory."""

    twin: Twin

    async def start(self) -> None:
        """Nothing to open."""

    async def send(
        self, sent: Try, calling: Calling, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """To the replica at the other end; being cancelled hangs up."""
        twin: Twin = self.replica.log.sink.twin  # type: ignore[attr-defined]
        target = twin.at[sent.url]
        connection = Connection()

        async def served() -> tuple[int, Mapping[str, str], bytes]:
            CONNECTION.set(connection)
            handler = twin.handlers[(target.name, calling.call.endpoint)]
            return await serve(target, calling.call.endpoint, Flow, handler, headers, None)

        task = asyncio.get_running_loop().create_task(served())
        twin.keep.add(task)
        task.add_done_callback(twin.keep.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            connection.hung_up()
            raise


class Sink:
    """Swallows log lines; knows the twin."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def __call__(self, line: str) -> None:
        if '"exception"' in line:
            self.twin.exceptions.append(line)


class Rows:
    """An outcome log in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def start(self) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Twin:
    """A system's services on one loop."""

    def __init__(self, system: System, loop: Instants, replication: int = 0) -> None:
        self.system = system
        self.loop = loop
        self.clock = loop.clock()
        self.replication = replication
        self.keep: set[Any] = set()
        self.exceptions: list[str] = []
        self.log = Rows()
        self.calls = {s.index: call_of(system, s) for s in system.steps if s.verb == Verb.CALL}
        self.handlers = {
            (system.services[b.service].name, b.name): self.handler(b.block) for b in system.bodies if b.consumer < 0
        }
        self.shared = {s.name: Balancer(s.balance) for s in system.services}
        self.clients: dict[str, list[Balancer]] = {s.name: [] for s in system.services}
        self.at: dict[str, Replica] = {}
        self.made: list[Replica] = []
        self.up: dict[str, list[str]] = {s.name: [] for s in system.services}
        self.roots: dict[str, list[Seen]] = {s.name: [] for s in system.sources}

    # -- replicas --------------------------------------------------------------------------

    def service(self, s: Service) -> plan.Service:
        """A service as a generated app has it."""
        cpu = None if s.cpu is None else plan.Cpu(s.cpu.cores, s.cpu.sharing, s.cpu.contention, s.cpu.coherency)
        return plan.Service(
            s.name, s.replicas, s.threads, s.queue, s.discipline, cpu, s.rate, s.burst, self.system.network.latency,
            self.system.network.zone_latency,
        )

    def directory(self, number: int) -> Directory:
        """The balancers a replica uses."""
        balancers = dict(self.shared)
        for s in self.system.services:
            if s.client_balancer:
                balancers[s.name] = Balancer(s.balance, self.up[s.name], max(number, 0))
                self.clients[s.name].append(balancers[s.name])
        return Directory(balancers, {url: r.zone for url, r in self.at.items()})

    def replica(self, s: Service, ordinal: int, number: int) -> Replica:
        """A new replica; not yet up."""
        zone = self.system.zones[s.zones[ordinal % len(s.zones)]] if s.zones else ""
        replica = Replica(
            self.service(s), ordinal=ordinal, number=number, seed=self.system.run.seed, replication=self.replication,
            clock=self.clock, directory=self.directory(number), log=Sink(self), zone=zone, transport=Network,
        )
        replica.outcomes = self.log  # type: ignore[assignment]
        replica.on_crash = self.killed
        for b in self.system.bodies:
            if b.service == s.index and b.consumer < 0:
                replica.register(b.name, Flow, self.handlers[(s.name, b.name)])
        self.at[f"{s.name}#{ordinal}"] = replica
        self.made.append(replica)
        return replica

    async def start(self) -> None:
        """All replicas up."""
        number = 0
        for s in self.system.services:
            for ordinal in range(s.replicas):
                await self.replica(s, ordinal, number).start()
                self.up[s.name].append(f"{s.name}#{ordinal}")
                number += 1
        for s in self.system.services:
            self.believe(s)
        for replica in self.made:
            replica.directory.zones = {url: r.zone for url, r in self.at.items()}

    def believe(self, s: Service) -> None:
        """Tell every balancer of a service who is up."""
        self.up[s.name].sort(key=lambda url: int(url.rpartition("#")[2]))
        for balancer in (self.shared[s.name], *self.clients[s.name]):
            balancer.believe(self.up[s.name])

    def forget(self, s: Service, url: str) -> None:
        """A balancer learns of a crash."""
        if not self.at[url].up and url in self.up[s.name]:
            self.up[s.name].remove(url)
            self.believe(s)

    def lost(self, replica: Replica) -> None:
        """What the host does when a replica dies."""
        s = next(s for s in self.system.services if s.name == replica.name)
        url = f"{s.name}#{replica.ordinal}"
        if s.detect:
            self.loop.call_later(s.detect / 1e9, self.forget, s, url)
        else:
            self.forget(s, url)

    def killed(self, replica: Replica) -> None:
        """A replica that killed itself is started again at once."""
        self.lost(replica)
        self.revive(replica)

    def revive(self, replica: Replica) -> None:
        """Start a dead replica anew after its startup time."""
        s = next(s for s in self.system.services if s.name == replica.name)
        self.loop.call_later(round(s.startup.mean) / 1e9, self._revived, s, replica)

    def _revived(self, s: Service, old: Replica) -> None:
        url = f"{s.name}#{old.ordinal}"
        if self.at[url] is not old:
            return
        replica = self.replica(s, old.ordinal, old.number)
        replica.up = replica.ready = True
        for fault in old.faults.describe():
            replica.faults.set(fault)
        if url not in self.up[s.name]:
            self.up[s.name].append(url)
            self.believe(s)

    # -- steps -----------------------------------------------------------------------------

    def handler(self, block: tuple[int, ...]) -> Any:
        """A handler that makes a block's steps in order."""

        async def handle(request: Any, do: Flow) -> dict[str, Any]:
            await self.block(do, block)
            return {}

        return handle

    def branch(self, do: Flow, block: tuple[int, ...]) -> Any:
        """A nested block as a handler's local function."""

        async def branch() -> None:
            await self.block(do, block)

        return branch

    async def block(self, do: Flow, block: tuple[int, ...]) -> None:
        for index in block:
            await self.step(do, self.system.steps[index])

    async def step(self, do: Flow, s: Step) -> None:
        """One step through the runtime."""
        blocks = [self.branch(do, b) for b in s.blocks]
        match s.verb:
            case Verb.WORK:
                await do.work(s.word, s.dist or plan.NOTHING)
            case Verb.WAIT:
                await do.wait(s.word, s.dist or plan.NOTHING)
            case Verb.CALL:
                fallback = s.policy.fallback
                await do.call(
                    self.calls[s.index], {}, fallback=None if fallback is None else self.branch(do, fallback)
                )
            case Verb.PARALLEL:
                await do.parallel(s.word, *blocks, need=s.need, copies=s.copies)
            case Verb.CHOOSE:
                await do.choose(s.word, s.weights, *blocks)
            case Verb.REPEAT:
                await do.repeat(s.word, s.dist or plan.NOTHING, blocks[0])
            case Verb.GROUP:
                await do.group(s.word, blocks[0])
            case Verb.SAGA:
                await do.saga(s.word, *zip(blocks[0::2], blocks[1::2], strict=True))
            case Verb.FAIL:
                await do.fail(s.word, s.rate, s.status, s.crash)
            case _:
                raise NotImplementedError(s.verb)

    # -- clients ---------------------------------------------------------------------------

    def clients_of(self) -> list[Any]:
        """A task for each request of the sources with given times."""
        tasks = []
        directory = self.directory(-1)  # the clients share their balancers
        for source in self.system.sources:
            client = Replica(plan.Service("@clients", latency=self.system.network.latency), clock=self.clock,
                             directory=directory, log=Sink(self), transport=Network)
            step = self.system.steps[source.journey[0]]
            call = self.calls[step.index]
            seen: list[Any] = [None] * len(source.times)
            self.roots[source.name] = seen
            key = root_key(self.system.run.seed, self.replication, "source", source.name)
            for link in self.system.faults:
                if link.caller == CLIENTS:
                    self.made.append(client)
            for number, at in enumerate(source.times):
                tasks.append(self.loop.create_task(self.ask(client, call, key, number, source.start + at, seen)))
        return tasks

    async def ask(self, client: Replica, call: plan.Call, key: int, number: int, at: int, seen: list[Any]) -> None:
        """One request of a client."""
        await self.clock.sleep(at - self.clock.now())
        flow = Flow(client, "", key, number, 0)
        calling = Calling(flow, call, None, flow.place)
        answer = await calling.run()
        seen[number] = Seen(WORDS[answer.outcome], calling.tries, (self.clock.now() - at) / MS, answer.cause)

    # -- faults ----------------------------------------------------------------------------

    def plan_fault(self, fault: Fault) -> None:
        """Put a fault's begin and end on the calendar."""
        begin = max(fault.at, 0)
        end = None if fault.duration is None else begin + round(fault.duration.mean)
        if fault.kind == "crash":
            hit = self.chosen(fault)
            self.at_once(begin, self.crash, hit)
            if end is not None:
                self.at_once(end, self.revive, hit)
            return
        spec = self.spec(fault)
        self.at_once(begin, self.strike, [(fault, spec)])
        if end is not None:
            self.at_once(end, self.end_of, [spec["id"]])

    def at_once(self, at: int, act: Any, subjects: list[Any]) -> None:
        """A change to all of them."""
        def change() -> None:
            for subject in subjects:
                act(subject)

        if at <= self.loop.ns:
            change()
        else:
            self.loop.change(at, change)

    def chosen(self, fault: Fault) -> list[Replica]:
        """The replicas a fault hits."""
        replicas = [r for r in self.made if r.name == self.system.services[fault.service].name]
        if fault.replicas != "some":
            return replicas
        key = child_key(stream_key(self.system.run.seed, "replication", self.replication, "fault", fault.word), "which")
        return [
            replicas.pop(int(uniform(key, k) * len(replicas))) for k in range(min(fault.number, len(replicas)))
        ]

    def crash(self, replica: Replica) -> None:
        replica.crash()
        self.lost(replica)

    def strike(self, struck: tuple[Fault, dict[str, Any]]) -> None:
        """Set a fault wherever it acts."""
        fault, spec = struck
        system = self.system
        service = fault.service if fault.body < 0 else system.bodies[fault.body].service
        for replica in self.made:
            if fault.kind in ("cut", "delay", "drop"):
                name = "@clients" if fault.caller == CLIENTS else system.services[fault.caller].name
            else:
                name = system.services[service].name
            if replica.name == name:  # one that is down has it when it comes back
                replica.faults.set(spec)

    def end_of(self, id: str) -> None:
        for replica in self.made:
            replica.faults.clear(id, missing_ok=True)

    def spec(self, fault: Fault) -> dict[str, Any]:
        """A fault as plain data."""
        spec: dict[str, Any] = {
            "id": fault.path, "word": fault.word, "occurrence": 0, "kind": fault.kind, "by": fault.factor,
            "rate": fault.rate if fault.kind in ("fail", "drop") else 1.0, "status": fault.status, "crash": fault.crash,
        }
        if fault.add is not None:
            spec["add"] = {"kind": fault.add.kind, "params": list(fault.add.params)}
        if fault.body >= 0:
            spec["endpoint"] = self.system.bodies[fault.body].name
        if fault.callee >= 0:
            spec["to"] = {"service": self.system.services[fault.callee].name}
        return spec

    # -- what was seen ----------------------------------------------------------------------

    def observed(self) -> Observed:
        """In the words of the table."""
        names = {(s.name, i): f"{s.name}.{i}" for s in self.system.services for i in [
            self.system.bodies[b].name for b in s.bodies]}
        replicas = {r.number: r.name for r in self.made if r.name != "@clients"}
        log: dict[str, list[Entry]] = {}
        for row in self.log.rows:
            endpoint, number, arrive, end, outcome = row[0], row[1], row[4], row[6], row[7]
            if not endpoint:  # a client
                continue
            name = names[(replicas[number], endpoint)]
            log.setdefault(name, []).append(Entry(arrive / MS, end / MS, WORDS[outcome]))
        tries: dict[str, dict[str, int]] = {}
        breakers: dict[str, list[tuple[float, str]]] = {}
        for replica in self.made:
            for callee, edge in replica.stats.edges.items():
                mine = tries.setdefault(callee, {})
                counts = {WORDS[k]: n for k, n in enumerate(edge.outcomes)}
                counts.update(retries=edge.retries, hedges=edge.hedges, denied=edge.budget_denied)
                for word, n in counts.items():
                    mine[word] = mine.get(word, 0) + n
            for callee, at, _, after in replica.stats.breaker_changes:
                assert after in STATES
                breakers.setdefault(callee, []).append((at / MS, after))
        sagas = {}
        for body in self.system.bodies:
            for replica in self.made:
                for step, (undone, stuck) in replica.stats.sagas.items():
                    if step.startswith(body.name + ":") and replica.name == self.system.services[body.service].name:
                        sagas[self.system.body_name(body.index)] = {"undone": undone, "stuck": stuck}
        return Observed(
            roots={n: [r for r in roots if r is not None] for n, roots in self.roots.items()},
            log={n: sorted(e, key=lambda e: (e.begin, e.end)) for n, e in log.items()},
            tries=tries, breaker=breakers, counts=sagas,
        )


async def live(system: System, loop: Instants, replication: int = 0) -> Observed:
    """Run a system to the end of its requests, and five minutes more for what they left behind."""
    twin = Twin(system, loop, replication)
    await twin.start()
    tasks = twin.clients_of()
    for fault in system.faults:
        twin.plan_fault(fault)
    await asyncio.wait(tasks, timeout=600)
    for task in tasks:
        if task.done():
            task.result()
    await asyncio.sleep(300)
    assert not twin.exceptions, twin.exceptions[:3]
    seen = twin.observed()
    left = asyncio.all_tasks() - {asyncio.current_task()}  # what waits for ever, behind a link that was cut
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    return seen
