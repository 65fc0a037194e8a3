"""Stores, caches and brokers inside this process: the machines, driven by an event loop.

One `EmbeddedParts` serves every replica of every service that is given it. It holds nothing durable: a message lives
as long as the process. All calls come from the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from msforge.records import Outcome
from msforge.runtime.alarm import Alarm
from msforge.runtime.channel_machine import ChannelMachine
from msforge.runtime.clock import Clock
from msforge.runtime.delivery import Delivery, Worker, consumer_name
from msforge.runtime.embedded_stores import EmbeddedStores
from msforge.runtime.parts import Deliver, consumer_settings
from msforge.runtime.plan import Channel, Consumer, Store
from msforge.runtime.queue_machine import QueueMachine
from msforge.runtime.topic_machine import TopicMachine

OK: Final = int(Outcome.OK)
ERROR: Final = int(Outcome.ERROR)
OVERLOADED: Final = int(Outcome.OVERLOADED)
RESET: Final = int(Outcome.RESET)
KNOWN: Final = 10_000
"""Deliveries that are known: what one has left running may have its effect after the end of it."""


class EmbeddedSubscription:
    """One consumer of one replica, and the deliveries it is busy with."""

    def __init__(self, parts: EmbeddedParts, machine: ChannelMachine, worker: Worker, deliver: Deliver) -> None:
        self.parts = parts
        self.machine = machine
        self.worker = worker
        self.deliver = deliver
        self.tasks: set[asyncio.Task[None]] = set()
        self.settled = asyncio.Event()

    async def leave(self) -> None:
        """Take nothing new; returns when all that it had is done."""
        parts = self.parts
        self.machine.leave(parts.clock.now(), self.worker)
        while not self.worker.idle():
            self.settled.clear()
            await self.settled.wait()
        if self.worker.up:
            parts.forget(self.worker)
            self.machine.gone(parts.clock.now(), self.worker)
            parts.alarms[self.machine.name].set()

    def crash(self) -> None:
        """It is dead: what it had comes again at once, elsewhere."""
        self.parts.crash([self.worker])

    def reach(self, reachable: bool) -> None:
        """Whether the broker reaches it; while not, it gets nothing new."""
        self.machine.reach(self.parts.clock.now(), self.worker, reachable)
        self.parts.alarms[self.machine.name].set()


class EmbeddedParts(EmbeddedStores):
    """The parts of a system. `consumers`: all there are, so that a topic keeps messages for those not yet there."""

    def __init__(
        self, channels: Iterable[Channel], stores: Iterable[Store], clock: Clock, consumers: Iterable[Consumer] = ()
    ) -> None:
        super().__init__(stores, clock)
        self.alarms: dict[str, Alarm] = {}
        self.channels: dict[str, ChannelMachine] = {}
        self.subscriptions: dict[Worker, EmbeddedSubscription] = {}
        self.deliveries: dict[int, tuple[ChannelMachine, Delivery]] = {}
        self.watchers: list[Callable[[str, bool], None]] = []  # told when a broker goes out of order, or is back
        self.changed: dict[str, dict[str, Any]] = {}  # consumers' numbers that are others than their code has
        self.held: set[str] = set()
        self._tag = 0
        known = [*consumers]
        for channel in channels:
            self._add_channel(channel, known)

    def _add_channel(self, plan: Channel, consumers: list[Consumer]) -> None:
        machine: ChannelMachine
        bury = self._burier(plan.dead_letter) if plan.dead_letter else None
        names = [f"{c.group}.{c.name}" for c in consumers if c.channel == plan.name]
        if plan.topic:
            machine = TopicMachine(
                plan.name, self._begin_delivery, bury, partitions=plan.partitions, rebalance=plan.rebalance,
                groups=names)
        else:
            machine = QueueMachine(
                plan.name, self._begin_delivery, bury, max_length=plan.max_length, reject=plan.reject)
        machine.order = {name: place for place, name in enumerate(names)}
        self.channels[plan.name] = machine
        self.alarms[plan.name] = Alarm(self.clock, machine)

    def _burier(self, target: str) -> Callable[[int, dict[str, Any]], None]:
        def bury(now: int, content: dict[str, Any]) -> None:
            self.channels[target].accept(now, content)
            self.alarms[target].set()

        return bury

    async def start(self) -> None:
        """Nothing to do before the first call."""

    async def stop(self) -> None:
        """Let go of timers and of deliveries under way."""
        for alarm in [*self.alarms.values(), *self.store_alarms.values()]:
            alarm.stop()
        self.crash([*self.subscriptions])

    def begin(self) -> None:
        """The run begins: from now on a topic's group that changes rebalances."""
        for machine in self.channels.values():
            machine.begun = True

    # -- channels ----------------------------------------------------------------------------------

    def down(self, channel: str) -> bool:
        """Whether a channel's broker is out of order."""
        return self.channels[channel].down > 0

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message: OK, OVERLOADED when the broker refuses it, RESET when it is out of order."""
        machine = self.channels[channel]
        if not machine.begun:
            self.begin()
        if machine.down:
            return RESET
        accepted = machine.accept(self.clock.now(), message)
        self.alarms[channel].set()
        return OK if accepted else OVERLOADED

    async def subscribe(self, consumer: dict[str, Any], replica: str, deliver: Deliver) -> EmbeddedSubscription:
        """A consumer of a replica is ready."""
        machine = self.channels[consumer["channel"]]
        name = consumer_name(consumer)
        # the same replica again: whoever had its place is dead
        self.crash([w for w in self.subscriptions if w.replica == replica and w.name == name])
        worker = machine.attach({**consumer, **self.changed.get(name, {}), "ordinal": consumer["ordinal"]}, replica)
        worker.held = replica in self.held
        subscription = self.subscriptions[worker] = EmbeddedSubscription(self, machine, worker, deliver)
        machine.up(self.clock.now(), worker)
        self.alarms[machine.name].set()
        return subscription

    def _begin_delivery(self, delivery: Delivery) -> None:
        subscription = self.subscriptions[delivery.worker]
        self._tag += 1
        tag = self._tag
        self.deliveries[tag] = subscription.machine, delivery
        task = asyncio.get_running_loop().create_task(self._run(subscription, delivery, tag))
        subscription.tasks.add(task)
        task.add_done_callback(subscription.tasks.discard)
        while len(self.deliveries) > KNOWN:
            del self.deliveries[next(iter(self.deliveries))]

    async def _run(self, subscription: EmbeddedSubscription, delivery: Delivery, tag: int) -> None:
        machine, message = subscription.machine, delivery.message
        data = {
            "tag": tag, "id": message.content.get("id", ""), "body": message.content.get("body"),
            "key": message.content.get("key"), "draw": message.content.get("draw") or [0, 0, 0],
            "headers": message.content.get("headers") or {}, "attempt": delivery.attempt,
            "available": message.available, "channel": machine.name,
        }
        outcome = RESET
        try:
            outcome = await subscription.deliver(data)
        except Exception:
            outcome = ERROR
        finally:
            machine.ended(self.clock.now(), delivery, outcome)
            self.alarms[machine.name].set()
            subscription.settled.set()

    def hold(self, replica: str) -> None:
        """A replica's consumers get no messages until `release`: it is starting, and has yet to be told things."""
        self.held.add(replica)

    def release(self, replica: str) -> None:
        """They get messages from now on."""
        self.held.discard(replica)
        for subscription in [*self.subscriptions.values()]:
            if subscription.worker.replica == replica and subscription.worker.held:
                subscription.machine.release(self.clock.now(), subscription.worker)
                self.alarms[subscription.machine.name].set()

    def adopt_channel(self, plan: Channel, consumers: Iterable[Consumer]) -> None:
        """Take other numbers for a channel and those who read it; its kind, and what it holds, stay."""
        machine = self.channels[plan.name]
        machine.adopt(plan)
        for consumer in consumers:
            settings = consumer_settings(consumer, 0)
            self.changed[consumer_name(settings)] = settings
        for worker in machine.workers:
            if worker.name in self.changed:
                worker.adopt(self.changed[worker.name])
        self.alarms[plan.name].set()

    def effect(self, tag: int, step: int) -> None:
        """A delivery has done a step with an effect."""
        found = self.deliveries.get(tag)
        if found is not None:
            found[0].effect(found[1], step)

    def lost(self, channel: str) -> None:
        """A crash lost a message that was to be published."""
        self.channels[channel].lost += 1

    def forget(self, worker: Worker) -> None:
        """A consumer has left."""
        self.subscriptions.pop(worker, None)

    def crash(self, workers: list[Worker]) -> None:
        """These consumers are dead, all at once. Whoever dies, the run has begun."""
        dead = [self.subscriptions.pop(w) for w in workers if w in self.subscriptions]
        if dead:
            self.begin()
        for machine in {id(s.machine): s.machine for s in dead}.values():
            machine.crash(self.clock.now(), [s.worker for s in dead if s.machine is machine])
            self.alarms[machine.name].set()
        for subscription in dead:
            subscription.settled.set()
            for task in [*subscription.tasks]:
                task.cancel()

    def crashed(self, replica: str) -> None:
        """A replica is dead, with all its consumers."""
        self.crash([w for w in self.subscriptions if w.replica == replica])

    async def stats(self, name: str) -> dict[str, int]:
        """What a channel or store has counted, and what waits there."""
        return self.channels[name].counts() if name in self.channels else self.store_stats(name)

    # -- faults ----------------------------------------------------------------------------------

    def fault(self, spec: dict[str, Any]) -> None:
        """Begin a fault of a store or a broker, under its `id`.

        {kind: pause | crash, store}, {kind: crash, channel: its broker is out of order}, or
        {kind: cut, channel, service: the consuming one}.
        """
        channel = spec.get("channel")
        if channel is None:
            super().fault(spec)
            return
        self.clear(spec["id"])
        machine = self.channels[channel]
        if spec["kind"] == "cut":
            service = spec["service"]
            machine.cut(self.clock.now(), service)
            self.undo[spec["id"]] = lambda: self._mended(channel, lambda now: machine.uncut(now, service))
        else:
            machine.broker_down(self.clock.now())
            self.undo[spec["id"]] = lambda: self._mended(channel, machine.broker_up)
            self._watched(channel)

    def _mended(self, channel: str, mend: Callable[[int], None]) -> None:
        mend(self.clock.now())
        self.alarms[channel].set()
        self._watched(channel)

    def _watched(self, channel: str) -> None:
        for watcher in self.watchers:
            watcher(channel, self.down(channel))
