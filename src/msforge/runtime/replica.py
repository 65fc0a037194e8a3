"""A replica of a service while it runs: everything that belongs to it, and to it alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry

from msforge.policies.bucket import TokenBucket
from msforge.runtime.admission import Admission
from msforge.runtime.calls import Calling
from msforge.runtime.clock import Clock
from msforge.runtime.directory import Directory
from msforge.runtime.discovery import Discovery
from msforge.runtime.failures import DEGRADED, REJECTED, RESET, Rejected
from msforge.runtime.faults import FaultState
from msforge.runtime.flow import Flow, Handler
from msforge.runtime.guards import Guards
from msforge.runtime.instances import Instances
from msforge.runtime.journal import Journal, Sink, trace_of
from msforge.runtime.level import Level
from msforge.runtime.numbers import Numbers
from msforge.runtime.outcome_log import OutcomeLog
from msforge.runtime.plan import Service
from msforge.runtime.processor import processor_of
from msforge.runtime.telemetry import ReplicaCollector, Stats
from msforge.runtime.tracing import Tracer, tracer_of
from msforge.runtime.transport import Answer, Transport, Try

PATIENCE: Final = 30.0
"""Real seconds that `stop` waits for what is still being served."""
ASKING: Final = 1.0
"""Real seconds that /metrics waits for the counts of channels and stores."""


class Endpoint(NamedTuple):
    """Who serves an endpoint: its class of steps, the handler, the model (pydantic's) of its request.

    `asked` is how HTTP asks for it, e.g. `POST /orders`.
    """

    flow_class: type[Flow]
    handler: Handler
    model: Any = None
    asked: str = ""


class Replica:
    """One running copy of a service.

    `number` counts the replicas of the whole run, `ordinal` those of the service. `up`: the process lives. `ready`: it
    takes requests. `events`, `stores` and `rpc` (its gRPC server) are set by the service's app when it has any; `parts`
    is what they are connected to. `on_crash(replica)` is the host's: called when a step kills the replica.
    """

    def __init__(
        self, service: Service, *, ordinal: int = 0, number: int = 0, seed: int = 1, replication: int = 0,
        clock: Clock | None = None, registry: CollectorRegistry | None = None, directory: Any = None,
        parts: Any = None, log: Sink | None = None, outcomes: str | Path | None = None, zone: str = "",
        burning: bool = False, transport: type[Transport] | None = None, held: bool = False,
    ) -> None:
        self.service = service
        self.name = service.name
        self.ordinal = ordinal
        self.number = number
        self.seed = seed
        self.replication = replication
        self.zone = zone
        self.clock: Any = clock if clock is not None else Clock()
        self.directory: Any = directory if directory is not None else Directory()
        self.parts = parts
        self.log = Journal(service.name, ordinal, log)
        self.stats = Stats(service.bounds)
        self.registry = registry if registry is not None else CollectorRegistry()
        self.registry.register(ReplicaCollector(self))
        self.admission: Admission | Instances
        self.instances: Instances | None = None  # of a function
        if service.function is not None:
            self.admission = self.instances = Instances(service.function, _bucket(service), self.clock)
        else:
            self.admission = Admission(service.threads, service.queue, service.discipline, _bucket(service))
        self.processor = processor_of(service.cpu, self.clock, burning=burning)
        self.burning = burning
        self.guards = Guards(self._breaker_changed)
        self.faults = FaultState(self)
        self.transport = (transport or Transport)(self)
        self.outcomes = OutcomeLog(outcomes, self.clock) if outcomes is not None else None
        self.numbers: Numbers | None = None
        self.written = service  # as the code has it
        self.tracer: Tracer | None = None
        self.events: Any = None
        self.stores: Any = None
        self.rpc: Any = None
        self.watched: tuple[str, ...] = ()  # channels and stores whose counts it shows
        self.discovery: Discovery | None = None
        self.handlers: dict[str, Endpoint] = {}
        self.active: dict[Flow, None] = {}
        self.waiting: set[Flow] = set()
        self.strays: set[asyncio.Task[Any]] = set()
        self.exchanges: set[asyncio.Task[Any]] = set()
        self.on_crash: Callable[[Replica], None] | None = None
        self.left: asyncio.Event | None = None  # set at each end of a request while it is on its way out
        self.busy = Level()  # requests and messages at work
        self.up = False
        self.ready = False
        self.held = held  # its consumers wait for `release`
        self.strangers = 0  # requests without a number of their own

    def in_progress(self) -> int:
        """Requests and messages in progress; a call in place is no request of its own."""
        return sum(flow.parent is None for flow in self.active)

    def use(self) -> dict[str, list[float]]:
        """What its threads, and its cores, have been busy with so far (x ns), and how many of them it has."""
        consuming = sum(c.consumer.threads for c in self.events.consumers) if self.events is not None else 0
        threads = (self.service.threads if self.handlers else 0) + consuming
        if self.handlers and self.service.threads < 0:
            threads = -1
        found = {"threads": [float(self.busy.until(self.clock.now())), float(max(1, threads))]}
        if self.processor.cpu is not None:
            found["cores"] = [self.processor.area(), self.processor.cpu.cores]
        return found

    def register(
        self, endpoint: str, flow_class: type[Flow], handler: Handler, model: Any = None, asked: str = ""
    ) -> None:
        """Say who serves an endpoint, for calls in place, and how it is asked for, for spans."""
        self.handlers[endpoint] = Endpoint(flow_class, handler, model, asked)

    # -- numbers -----------------------------------------------------------------------------

    def adopt(self, plain: Mapping[str, Any]) -> None:
        """Have these numbers in force (see `Numbers`), for requests that come; none: those of the code.

        Raises ValueError when they make no sense.
        """
        numbers = Numbers(plain) if plain else None
        before, self.service = self.service, self.written
        if numbers is not None:
            self.service = numbers.service or self.written
            self.guards.drop(numbers.gone)
        else:
            self.guards.drop([])
        for name, rule in (numbers.balance if numbers is not None else {}).items():
            self.directory.of(name).turn_to(rule)
        self.numbers = numbers
        if self.service != before:
            self._configure(before)

    def _configure(self, before: Service) -> None:
        service = self.service
        bucket = self.admission.bucket
        if (service.rate, service.burst) != (before.rate, before.burst):
            bucket = _bucket(service)
        if isinstance(self.admission, Admission):
            self.admission.adopt(service.threads, service.queue, service.discipline, bucket)
        elif service.function is not None:
            self.admission.adopt(service.function, bucket)
        if service.cpu != before.cpu:
            paused, self.processor = self.processor.paused, processor_of(service.cpu, self.clock, burning=self.burning)
            for _ in range(paused):
                self.processor.pause()
        self.transport.adopt(service.latency)

    # -- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open what it needs; afterwards it is ready."""
        await self.transport.start()
        self.tracer = tracer_of(self.name, self.ordinal)
        if self.outcomes is not None:
            self.outcomes.start()
        if self.stores is not None:
            await self.stores.start()
        self.up = True
        if self.discovery is not None:
            await self.discovery.start()
        if self.events is not None:
            await self.events.start()
        if self.rpc is not None:
            await self.rpc.start()
        self.ready = True
        self.log.info("ready")

    def release(self) -> None:
        """Its consumers, which were held, get messages from now on."""
        self.held = False
        if self.events is not None:
            self.events.link_changed()

    async def drain(self) -> None:
        """Take no more messages, finish what there is, and return once there is nothing left."""
        leaving = asyncio.ensure_future(self.events.leave()) if self.events is not None else None
        self.left = asyncio.Event()
        try:
            while not self.empty:
                self.left.clear()
                await self.left.wait()
            if leaving is not None:
                await leaving
        finally:
            if leaving is not None:
                leaving.cancel()

    @property
    def empty(self) -> bool:
        """Whether no request or message is in progress or waits here."""
        return not self.active and not self.waiting and not self.admission.busy

    async def stop(self) -> None:
        """Take no more, finish what it has, close."""
        self.ready = False
        if self.discovery is not None:
            await self.discovery.stop()
        if self.up:
            if self.events is not None:
                await self.events.stop()
            await self._quiet()
            self.log.info("stopped")
        self.up = False
        if self.rpc is not None:
            await self.rpc.stop()
        if self.stores is not None:
            await self.stores.stop()
        await self._close()

    async def _quiet(self) -> None:
        patience = PATIENCE
        while (self.active or self.waiting or self.strays or self.exchanges) and patience > 0:
            await asyncio.sleep(0.01)
            patience -= 0.01

    async def _close(self) -> None:
        for task in [*self.strays, *self.exchanges]:
            task.cancel()
        await self.transport.close()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)
            self.tracer = None
        if self.outcomes is not None:
            self.outcomes.close()
        self.log.close()

    def crash(self) -> None:
        """Die at once: all that is served or waits ends with `reset`. What it has sent to others goes on there."""
        if not self.up:
            return
        self.up = self.ready = False
        self.log.warning("crash")
        for flow in [*self.active, *self.waiting]:
            flow.stop(RESET)
        for task in self.strays:
            task.cancel()
        if self.events is not None:
            self.events.crash()
        if self.rpc is not None:
            self.rpc.crash()
        self.guards.forget()
        if self.outcomes is not None:
            asyncio.get_running_loop().call_soon(self.outcomes.flush)
        self.log.close()

    async def die(self) -> None:
        """What `kind: crash` does: the replica kills itself; the request that did it never goes on."""
        self.crash()
        if self.on_crash is not None:
            self.on_crash(self)
        await asyncio.get_running_loop().create_future()

    async def ask_parts(self) -> None:
        """Have the counts of its channels and stores as they are now; one that does not answer keeps its last."""
        if self.parts is None or not self.up:
            return
        with contextlib.suppress(TimeoutError, OSError, LookupError):
            async with asyncio.timeout(ASKING):
                for name in self.watched:
                    self.stats.parts[name] = await self.parts.stats(name)

    # -- requests ------------------------------------------------------------------------------

    def ended(self, flow: Flow) -> None:
        """A request leaves: count it and note it down."""
        if self.left is not None:
            asyncio.get_running_loop().call_soon(self.left.set)
        flow.end = now = self.clock.now()
        if flow.begin >= 0 and flow.parent is None:
            self.busy.step(now, -1)
        outcome = flow.outcome
        self.stats.of(flow.endpoint).count(outcome, now - flow.arrive)
        if self.tracer is not None and flow.parent is None:
            self.tracer.served(flow, round(self.clock.seconds(now - flow.arrive) * 1e9))
        if self.outcomes is not None:
            place = flow.place
            self.outcomes.rows.append((
                flow.endpoint, self.number, flow.root, flow.number, flow.arrive,
                flow.begin - flow.arrive if flow.begin >= 0 else -1, now, outcome,
                place.own, place.store, place.net, place.back, int(flow.gone), flow.cause, trace_of(flow),
            ))
        if outcome > DEGRADED and outcome != REJECTED:
            self.log.failed(flow)

    async def in_place(self, sent: Try, calling: Calling) -> Answer:
        """A call to an endpoint of this service: in the caller's thread, without network or queue."""
        caller = calling.flow
        found = self.handlers[calling.call.endpoint]
        cancel = "all" if calling.call.cancel == "all" else caller.cancel  # what it calls must know that it may be
        flow = sent.flow = found.flow_class(
            self, calling.call.endpoint, calling.key, calling.place.number, sent.context, deadline=calling.deadline,
            parent=caller, cancel=cancel, trace=caller.trace, root=caller.root,
        )
        flow.task = sent.task
        await flow.run(_checked(found), calling.request)
        body = plain(flow.response) if flow.outcome <= DEGRADED else None
        return Answer(flow.outcome, flow.cause, body)

    def _breaker_changed(self, callee: str, at: int, before: str, after: str) -> None:
        self.stats.breaker_changes.append((callee, at, before, after))
        self.log.warning("circuit breaker", callee=callee, before=before, after=after)


def _checked(endpoint: Endpoint) -> Handler:
    """A handler that makes its request's model of the fields it is given."""

    async def handle(request: Any, flow: Any) -> Any:
        if endpoint.model is not None:
            try:
                request = endpoint.model.model_validate(dict(request or {}))
            except ValueError as problem:
                raise Rejected(str(problem), 422) from problem
        return await endpoint.handler(request, flow)

    return handle


def _bucket(service: Service) -> TokenBucket | None:
    return TokenBucket(service.rate, service.burst) if service.rate > 0 else None


def plain(response: Any) -> dict[str, Any]:
    """A response as plain data."""
    if response is None:
        return {}
    if hasattr(response, "model_dump"):
        response = response.model_dump(mode="json")
    return response if isinstance(response, dict) else {"value": response}
