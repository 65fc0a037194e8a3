"""Stores and channels of a running system: the embedded parts, made from the plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msforge.model.plan import System
from msforge.runtime import plan
from msforge.runtime.clock import Clock
from msforge.runtime.embedded import EmbeddedParts
from msforge.scaffold.plans import channels_of, consumers_of, stores_of

Stats = dict[str, dict[str, int]]
"""Counts by channel."""
SHARED: Final = frozenset(("backlog", "resting", "in_flight"))
"""What waits at a broker: all replicas see the same, but for what rests at a topic's consumers."""


def embedded_parts(system: System, clock: Clock) -> EmbeddedParts:
    """All stores and channels of a system, for all its replicas."""
    return EmbeddedParts(channels_of(system), stores_of(system), clock, consumers_of(system))


async def stats_of(
    system: System, parts: EmbeddedParts, replicas: Iterable[Stats] = ()
) -> Stats:
    """Counts of each channel: of the embedded ones, and of what `replicas` have counted of those on servers."""
    found = {channel.name: dict(await parts.stats(channel.name)) for channel in system.channels}
    topics = {channel.name for channel in system.channels if channel.topic}
    for seen in replicas:
        for name, counts in seen.items():
            mine = found.setdefault(name, {})
            for what, count in counts.items():
                all_see = what in SHARED and not (name in topics and what == "resting")
                mine[what] = max(mine.get(what, 0), count) if all_see else mine.get(what, 0) + count
    for name, counts in found.items():
        if name in topics:  # what rests has not left its partition
            counts["backlog"] = max(0, counts["in_flight"] - counts["unacked"])
        elif counts.get("backlog") or counts.get("resting"):
            counts["in_flight"] = max(counts["in_flight"], counts["backlog"] + counts["resting"] + counts["unacked"])
    return found


async def own_stats(parts: Any) -> Stats:
    """What a replica has counted of the channels on servers."""
    if not hasattr(parts, "own_stats"):
        return {}
    found: Stats = await parts.own_stats()
    return found


def adopt_parts(parts: EmbeddedParts, system: System) -> None:
    """Have the stores, the channels and their consumers live by a changed plan from now on."""
    for store in system.stores:
        parts.adopt_store(store.name, store.connections)
    consumers: dict[str, list[plan.Consumer]] = {channel.name: [] for channel in system.channels}
    for consumer in consumers_of(system):
        consumers[consumer.channel].append(consumer)
    for channel in channels_of(system):
        parts.adopt_channel(channel, consumers[channel.name])
