"""A replica of a service while it runs: everything that belongs to it, and to it alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
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
from msforge.runtime.journal import Journal, Sink, trace_of
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
    """Who serves an endpoint: its class of steps, the handler, and the model (pydantic's) of its request."""

    flow_class: type[Flow]
    handler: Handler
    model: Any = None


class Replica:
    """One running copy of a service.

    `number` counts the replicas of the whole run, `ordinal` those of the service. `up`: the process lives. `ready`: it
    takes requests. `events` and `stores` are set by the service's app when it has any; `parts` is what they are
    connected to. `on_crash(replica)` is the host's: called when a step kills the replica.
    """

    def __init__(
        self, service: Service, *, ordinal: int = 0, number: int = 0, seed: int = 1, replication: int = 0,
        clock: Clock | None = None, registry: CollectorRegistry | None = None, directory: Any = None,
        parts: Any = None, log: Sink | None = None, outcomes: str | Path | None = None, zone: str = "",
        burning: bool = False, transport: type[Transport] | None = None,
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
        bucket = TokenBucket(service.rate, service.burst) if service.rate > 0 else None
        self.admission = Admission(service.threads, service.queue, service.discipline, bucket)
        self.processor = processor_of(service.cpu, self.clock, burning=burning)
        self.guards = Guards(self._breaker_changed)
        self.faults = FaultState(self)
        self.transport = (transport or Transport)(self)
        self.outcomes = OutcomeLog(outcomes) if outcomes is not None else None
        self.tracer: Tracer | None = None
        self.events: Any = None
        self.stores: Any = None
        self.watched: tuple[str, ...] = ()  # channels and stores whose counts it shows
        self.discovery: Discovery | None = None
        self.handlers: dict[str, Endpoint] = {}
        self.active: dict[Flow, None] = {}
        self.waiting: set[Flow] = set()
        self.strays: set[asyncio.Task[Any]] = set()
        self.exchanges: set[asyncio.Task[Any]] = set()
        self.on_crash: Callable[[Replica], None] | None = None
        self.up = False
        self.ready = False
        self.strangers = 0  # requests without a number of their own

    def in_progress(self) -> int:
        """Requests and messages in progress; a call in place is no request of its own."""
        return sum(flow.parent is None for flow in self.active)

    def register(self, endpoint: str, flow_class: type[Flow], handler: Handler, model: Any = None) -> None:
        """Say who serves an endpoint, for calls in place."""
        self.handlers[endpoint] = Endpoint(flow_class, handler, model)

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
        self.ready = True
        self.log.info("ready")

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
        self.guards.forget()
        if self.outcomes is not None:
            asyncio.get_running_loop().call_soon(self.outcomes.flush)

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
        flow.end = now = self.clock.now()
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
        flow = sent.flow = found.flow_class(
            self, calling.call.endpoint, calling.key, calling.place.number, sent.context, deadline=calling.deadline,
            parent=caller, cancel=caller.cancel, trace=caller.trace, root=caller.root,
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


def plain(response: Any) -> dict[str, Any]:
    """A response as plain data."""
    if response is None:
        return {}
    if hasattr(response, "model_dump"):
        response = response.model_dump(mode="json")
    return response if isinstance(response, dict) else {"value": response}
