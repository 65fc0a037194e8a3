"""Consumers of a replica: a delivery becomes a request like any other, at the place that the simulator gives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msforge.policies.keys import child_key, occurrence
from msforge.runtime.failures import RESET, Rejected
from msforge.runtime.instances import COLD
from msforge.runtime.parts import consumer_settings
from msforge.runtime.plan import Consumer
from msforge.runtime.serve import queued, trace_of
from msforge.runtime.wire import ROOT, TRACEPARENT

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow, Handler
    from msforge.runtime.replica import Replica


class Incoming:
    """The message that a flow handles. `attempt` counts its deliveries from 1.

    `idempotent`: its consumer is to have each of its effects once, however often the message comes.
    """

    __slots__ = ("_parts", "_tag", "attempt", "body", "channel", "headers", "id", "idempotent")

    def __init__(self, parts: Any, delivery: dict[str, Any], idempotent: bool = False) -> None:
        self._parts = parts
        self.idempotent = idempotent
        self._tag: int = delivery["tag"]
        self.id: str = delivery["id"]
        self.body: Any = delivery["body"]
        self.headers: dict[str, str] = delivery["headers"]
        self.attempt: int = delivery["attempt"]
        self.channel: str = delivery["channel"]

    def effect(self, step: int) -> None:
        """A step with an effect is done; a later delivery that does it again applies it twice."""
        self._parts.effect(self._tag, step)


class Consuming:
    """One consumer of a replica. `model` (pydantic's) is made of a message's body; None takes it as it is."""

    def __init__(
        self, replica: Replica, parts: Any, consumer: Consumer, flow_class: type[Flow], handler: Handler, model: Any
    ) -> None:
        self.replica = replica
        self.parts = parts
        self.consumer = consumer
        self.flow_class = flow_class
        self.handler = handler
        self.model = model
        self.word = consumer.word or f"consume {consumer.group}.{consumer.name}"
        self.subscription: Any = None

    async def start(self) -> None:
        """Take messages from now on."""
        settings = consumer_settings(self.consumer, self.replica.ordinal, held=self.replica.held)
        self.subscription = await self.parts.subscribe(settings, replica_name(self.replica), self.deliver)

    async def leave(self) -> None:
        """Take nothing new; returns when all it had is done."""
        if self.subscription is not None:
            await self.subscription.leave()
            self.subscription = None

    def link_changed(self) -> None:
        """A cut between the broker and this replica began or ended, or the replica is held no more."""
        if self.subscription is not None:
            free = not self.replica.held and self.replica.faults.delivers(self.consumer.channel)
            self.subscription.reach(free)

    async def deliver(self, delivery: dict[str, Any]) -> int:
        """Handle a message: how that ended."""
        replica = self.replica
        if not replica.up:
            return RESET
        key, number, context = delivery["draw"]
        headers = delivery["headers"]
        flow = self.flow_class(
            replica, self.consumer.name, child_key(key, self.word), number,
            occurrence(context, 0, delivery["attempt"] - 1),
            message=Incoming(self.parts, delivery, self.consumer.idempotent),
            trace=trace_of(headers.get(TRACEPARENT, "")), root=headers.get(ROOT, ""), arrive=delivery["available"],
        )
        flow.continues(headers.get(TRACEPARENT, ""))
        flow.task = asyncio.current_task()
        instances = replica.instances
        if instances is None:
            await flow.run(self._handle, delivery["body"])
            return flow.outcome
        if instances.take(replica.clock.now()) == COLD and not await queued(replica, flow, 1):
            return flow.outcome
        try:
            await flow.run(self._handle, delivery["body"])
        finally:
            instances.leave()
        return flow.outcome

    async def _handle(self, body: Any, flow: Any) -> None:
        message = body
        if self.model is not None:
            try:
                message = self.model.model_validate(body if body is not None else {})
            except ValueError as problem:
                raise Rejected(f"the message does not fit: {problem}", 422) from problem
        await self.handler(message, flow)


def replica_name(replica: Replica) -> str:
    """A replica as the parts know it."""
    return f"{replica.name}#{replica.ordinal}"
