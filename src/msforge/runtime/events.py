"""Messages of a replica: what it publishes, directly or through its outbox, and what it consumes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key
from msforge.policies.sampling import duration
from msforge.runtime.consuming import Consuming, replica_name
from msforge.runtime.failures import ERROR, OK, TIMEOUT, UNAVAILABLE, StepFailed, cause_of
from msforge.runtime.outbox import Outbox
from msforge.runtime.place import HERE, Place, once, purpose_key
from msforge.runtime.plan import Channel, Consumer
from msforge.runtime.wire import ROOT, TRACEPARENT

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow, Handler
    from msforge.runtime.replica import Replica

GRACE: Final = 0.5
"""Real seconds that a broker in another process may take over a publish's timeout."""


class Due:
    """What a flow is still to publish: word of the step -> channel; and whether it has written data yet."""

    __slots__ = ("channels", "written")

    def __init__(self, channels: dict[str, str]) -> None:
        self.channels = channels
        self.written = False


class Events:
    """What a replica asks of its brokers. `parts` is where they stand.

    A class of steps may say in `publishes` (pairs of a step's word and its channel) what it surely publishes without an
    outbox, so that the messages lost in a crash are counted.
    """

    def __init__(self, replica: Replica, parts: Any = None) -> None:
        self.replica = replica
        self.parts: Any = parts if parts is not None else replica.parts
        self.consumers: list[Consuming] = []
        self.outbox = Outbox(replica, self.parts)
        self.due: WeakKeyDictionary[Flow, Due] = WeakKeyDictionary()

    def consume(self, consumer: Consumer, flow_class: type[Flow], handler: Handler, model: Any = None) -> None:
        """Say who handles a consumer's messages. Before `start`."""
        self.consumers.append(Consuming(self.replica, self.parts, consumer, flow_class, handler, model))

    # -- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take messages, and go on with what the outbox still has."""
        if self.replica.stores is not None:
            await self.outbox.start()
        for consuming in self.consumers:
            await consuming.start()

    async def stop(self) -> None:
        """Take no more messages, finish those it has, and empty the outbox."""
        await self.leave()
        await self.outbox.stop()

    async def leave(self) -> None:
        """Take no more messages, and finish those it has."""
        await asyncio.gather(*(consuming.leave() for consuming in self.consumers))

    def crash(self) -> None:
        """Die: what it had comes again at once, elsewhere or when it is back."""
        for flow in self.replica.active:
            due = self.due.get(flow)
            if due is not None and due.written:
                for channel in due.channels.values():
                    self.parts.lost(channel)
        self.due.clear()
        self.outbox.crash()
        self.parts.crashed(replica_name(self.replica))

    def link_changed(self) -> None:
        """A cut between a broker and this replica began or ended."""
        for consuming in self.consumers:
            consuming.link_changed()

    # -- messages that a crash loses -----------------------------------------------------------------

    def wrote(self, flow: Flow) -> None:
        """A flow has written data; a crash before what it is yet to publish loses that."""
        due = self._due(flow)
        if due is not None:
            due.written = True

    def _due(self, flow: Flow) -> Due | None:
        publishes: Iterable[tuple[str, str]] | None = getattr(flow, "publishes", None)
        if not publishes:
            return None
        found = self.due.get(flow)
        if found is None:
            found = self.due[flow] = Due(dict(publishes))
        return found

    # -- publishing ----------------------------------------------------------------------------

    async def publish(
        self, flow: Flow, word: str, channel: Channel, body: Mapping[str, Any] | Any = None, *, key: Dist | None = None,
        outbox: bool = False, timeout: int = -1,
    ) -> None:
        """Hand a message over; goes on once the broker has it, with an outbox at once. Raises StepFailed."""
        here = HERE.get()
        message = _message(flow, here, word, body, here.duration(word, "key", key) if key is not None else None)
        if outbox:
            # the relay publishes at the message's own place
            place = purpose_key(child_key(here.key, word), word, "time")
            takes = duration(channel.publish, place, here.number, here.context)
            await self.outbox.put(flow, channel, message, takes)
            return
        if self.parts.down(channel.name):
            raise self._failure(UNAVAILABLE)
        clock = self.replica.clock
        since = clock.now()
        try:
            outcome = await self._hand_over(here, word, channel, message, timeout)
        finally:
            here.store += clock.now() - since
        if outcome != OK:
            raise self._failure(outcome)
        due = self._due(flow)
        if due is not None:
            due.channels.pop(word, None)
        if flow.message is not None:
            flow.message.effect(child_key(here.key, word))

    async def _hand_over(
        self, here: Place, word: str, channel: Channel, message: dict[str, Any], timeout: int
    ) -> int:
        """The time to the broker, and its answer."""
        clock, faults = self.replica.clock, self.replica.faults
        reached = not faults.links or faults.reaches("channel", channel.name)
        takes = 0
        if reached:
            takes = here.duration(word, "time", channel.publish)
            if faults.links:
                takes += faults.extra("channel", channel.name)
        if not reached and timeout < 0:
            await asyncio.get_running_loop().create_future()
        if not reached or 0 <= timeout < takes:
            await clock.sleep(timeout)
            return TIMEOUT
        await clock.sleep(takes)
        if timeout < 0:
            return int(await self.parts.publish(channel.name, message))
        try:
            async with asyncio.timeout(clock.seconds(timeout - takes) + GRACE):
                return int(await self.parts.publish(channel.name, message))
        except TimeoutError:
            return TIMEOUT

    def _failure(self, outcome: int) -> StepFailed:
        """A broker's failure is put down to the service that publishes."""
        return StepFailed(ERROR, cause_of(self.replica.name, outcome))


def _message(flow: Flow, here: Place, word: str, body: Any, key: int | None) -> dict[str, Any]:
    """A message as plain data, with the place that its consumers' draws are keyed by."""
    if hasattr(body, "model_dump"):
        body = body.model_dump(mode="json")
    headers = {name: value for name, value in ((TRACEPARENT, flow.trace), (ROOT, flow.root)) if value}
    known = once(flow, child_key(here.key, word))
    return {
        "id": (uuid.uuid5(uuid.NAMESPACE_OID, known) if known else uuid.uuid4()).hex,
        "body": dict(body) if isinstance(body, Mapping) else body, "key": key,
        "draw": [child_key(here.key, word), here.number, here.context], "headers": headers,
    }
