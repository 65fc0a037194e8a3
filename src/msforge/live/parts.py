"""Stores and channels of a running system: the embedded parts, made from the plan."""

from __future__ import annotations

from msforge.model.plan import System
from msforge.runtime import plan
from msforge.runtime.clock import Clock
from msforge.runtime.embedded import EmbeddedParts
from msforge.scaffold.plans import channels_of, consumers_of, stores_of


def embedded_parts(system: System, clock: Clock) -> EmbeddedParts:
    """All stores and channels of a system, for all its replicas."""
    return EmbeddedParts(channels_of(system), stores_of(system), clock, consumers_of(system))


async def stats_of(system: System, parts: EmbeddedParts) -> dict[str, dict[str, int]]:
    """Counts of each channel."""
    return {channel.name: dict(await parts.stats(channel.name)) for channel in system.channels}


def adopt_parts(parts: EmbeddedParts, system: System) -> None:
    """Have the stores, the channels and their consumers live by a changed plan from now on."""
    for store in system.stores:
        parts.adopt_store(store.name, store.connections)
    consumers: dict[str, list[plan.Consumer]] = {channel.name: [] for channel in system.channels}
    for consumer in consumers_of(system):
        consumers[consumer.channel].append(consumer)
    for channel in channels_of(system):
        parts.adopt_channel(channel, consumers[channel.name])
