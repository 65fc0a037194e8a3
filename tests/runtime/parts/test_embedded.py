"""The parts on an event loop in virtual time: still what the simulator does, to the nanosecond."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from script import COUNTS, Log, compiled, settings, simulated
from test_channel_machines import CASES, TOPICS, anything, lost

from msforge.live.parts import embedded_parts
from msforge.model.plan import System, Verb
from msforge.policies.keys import child_key, occurrence, uniform
from msforge.runtime.delivery import Delivery
from msforge.runtime.embedded import EmbeddedParts
from tests.virtual_time import VirtualLoop


class Player:
    """Consumers and publishers as tasks, at the times that the simulator saw."""

    def __init__(self, system: System, seen: Log, loop: VirtualLoop) -> None:
        self.system = system
        self.seen = seen
        self.clock = loop.clock()
        self.parts: EmbeddedParts = embedded_parts(system, self.clock)
        self.log = Log()
        for machine in self.parts.channels.values():
            machine.start = self.noted(machine.name, machine.start)
        self.subscriptions: dict[str, list[Any]] = {}

    def noted(self, channel: str, start: Callable[[Delivery], None]) -> Callable[[Delivery], None]:
        """Note each delivery as it begins: a crash at the same instant leaves its task no time to."""
        def begin(delivery: Delivery) -> None:
            number = delivery.message.content["draw"][1]
            self.log.deliveries.append((self.clock.now(), channel, delivery.worker.replica, number, delivery.attempt))
            start(delivery)

        return begin

    async def play(self) -> Log:
        """Everything, to its end."""
        steps = [(at, 0, what, (service, ordinal)) for at, what, service, ordinal in self.seen.ups]
        steps += [(at, 1, "publish", (channel, content)) for at, channel, content in self.seen.publishes]
        for at, _, what, values in sorted(steps, key=lambda step: step[:2]):
            await self.clock.sleep(at - self.clock.now())
            if at > 0:
                self.parts.begin()
            await getattr(self, what)(*values)
        for _ in range(200):
            await self.clock.sleep(1_000_000_000)
        self.log.counts = {
            channel.name: {count: (await self.parts.stats(channel.name))[count] for count in COUNTS}
            for channel in self.system.channels
        }
        await self.parts.stop()
        return self.log

    async def publish(self, channel: str, content: dict[str, Any]) -> None:
        """A message reaches the broker."""
        self.log.answers.append(await self.parts.publish(channel, content) == 0)

    async def up(self, service: str, ordinal: int) -> None:
        """A replica's consumers are ready."""
        for consumer in self.system.consumers:
            name = self.system.body_name(consumer.body)
            owner, _, short = name.partition(".")
            if owner == service:
                channel = self.system.channels[consumer.channel].name
                values = {**settings(short, service, ordinal, consumer), "channel": channel}
                replica = f"{service}#{ordinal}"
                taken = await self.parts.subscribe(values, replica, self.consumer(consumer, name))
                self.subscriptions.setdefault(replica, []).append(taken)

    async def crash(self, service: str, ordinal: int) -> None:
        """A replica dies."""
        self.parts.crashed(f"{service}#{ordinal}")

    async def leave(self, service: str, ordinal: int) -> None:
        """A replica takes nothing new."""
        for subscription in self.subscriptions.pop(f"{service}#{ordinal}", []):
            self.leaving = asyncio.ensure_future(subscription.leave())

    async def gone(self, service: str, ordinal: int) -> None:
        """A replica has left: it does so by itself."""

    def consumer(self, consumer: Any, name: str) -> Any:
        """The consumer's steps as a task."""
        async def deliver(delivery: dict[str, Any]) -> int:
            key, number, context = delivery["draw"]
            attempt = delivery["attempt"]
            place = child_key(key, f"consume {name}")
            for step in self.system.bodies[consumer.body].block:
                plan = self.system.steps[step]
                if plan.verb == Verb.WAIT and plan.dist is not None:
                    await self.clock.sleep(round(plan.dist.mean))
                    continue
                key = child_key(child_key(place, plan.word), "@fail")
                if uniform(key, number, occurrence(context, 0, attempt - 1)) < plan.rate:
                    return 2
            return 0

        return deliver


def same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that the parts do what the simulator does."""
    system = compiled(text)
    seen = simulated(system, monkeypatch)
    loop = VirtualLoop()
    log = loop.play(Player(system, seen, loop).play())
    assert log.answers == seen.answers
    assert sorted(log.deliveries) == sorted(d for d in seen.deliveries if d[2] != "buried")
    for name, counts in seen.counts.items():
        assert log.counts[name] == counts, name


ALL = {name: text for name, text in {**CASES, **TOPICS}.items() if "kind: crash" not in text}


@pytest.mark.parametrize("name", ALL)
def test_parts_do_as_the_simulator(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    same(lost(ALL[name]), monkeypatch)


@pytest.mark.parametrize("seed", [seed for seed in range(100, 130) if "kind: crash" not in anything(seed)])
def test_parts_do_anything_as_the_simulator(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    same(lost(anything(seed)), monkeypatch)
