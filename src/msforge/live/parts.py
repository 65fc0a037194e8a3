"""Stores and channels of a running system: the embedded parts, made from the plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msforge.model.plan import NONE, System
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.clock import Clock
from msforge.runtime.embedded import EmbeddedParts

Stats = dict[str, dict[str, int]]
"""Counts by channel."""
SHARED: Final = frozenset(("backlog", "resting", "in_flight"))
"""What waits at a broker: all replicas see the same."""


def embedded_parts(system: System, clock: Clock) -> EmbeddedParts:
    """All stores and channels of a system, for all its replicas."""
    return EmbeddedParts(channels_of(system), stores_of(system), clock, consumers_of(system))


async def stats_of(
    system: System, parts: EmbeddedParts, replicas: Iterable[Stats] = ()
) -> Stats:
    """Counts of each channel: of the embedded ones, and of what `replicas` have counted of those on servers."""
    found = {channel.name: dict(await parts.stats(channel.name)) for channel in system.channels}
    for seen in replicas:
        for name, counts in seen.items():
            mine = found.setdefault(name, {})
            for what, count in counts.items():
                mine[what] = max(mine.get(what, 0), count) if what in SHARED else mine.get(what, 0) + count
    for counts in found.values():
        if counts.get("backlog") or counts.get("resting"):
            counts["in_flight"] = max(counts["in_flight"], counts["backlog"] + counts["resting"] + counts["unacked"])
    return found


async def own_stats(parts: Any) -> Stats:
    """What a replica has counted of the channels on servers."""
    if not hasattr(parts, "own_stats"):
        return {}
    found: Stats = await parts.own_stats()
    return found


def channels_of(system: System) -> list[plan.Channel]:
    """The plan's channels as services know them."""
    return [
        plan.Channel(
            c.name, c.topic, c.publish, c.max_length, c.reject,
            "" if c.dead_letter == NONE else system.channels[c.dead_letter].name, c.partitions, c.rebalance, c.relay,
            c.broker == "embedded",
        )
        for c in system.channels
    ]


def stores_of(system: System) -> list[plan.Store]:
    """The plan's stores as services know them."""
    return [plan.Store(s.name, s.kind, s.connections, s.read, s.write) for s in system.stores]


def consumers_of(system: System) -> list[plan.Consumer]:
    """The plan's consumers as services know them."""
    made = []
    for consumer in system.consumers:
        name, group = system.bodies[consumer.body].name, system.services[consumer.service].name
        channel = system.channels[consumer.channel]
        made.append(plan.Consumer(
            name, channel.name, group, channel.topic, consumer.threads, consumer.prefetch, retry_of(consumer.retry),
            consumer.idempotent, f"consume {group}.{name}",
        ))
    return made


def retry_of(retry: Any) -> plan.Retry:
    """A retry policy of the plan as services know it."""
    budget = retry.budget
    return plan.Retry(
        retry.attempts, retry.backoff, retry.factor, retry.max_backoff, retry.jitter,
        frozenset(Outcome(outcome).word for outcome in retry.on),
        None if budget is None else plan.Budget(
            budget.kind, budget.ratio, budget.burst, budget.minimum, budget.max_tokens, budget.token_ratio
        ),
    )
