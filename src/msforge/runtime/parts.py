"""What databases, caches and brokers are to a service: one seam, whatever stands behind it.

Everything that crosses it is plain data: names, ns, outcomes as numbers, messages as dicts. `embedded` keeps the parts
in this process; `remote_parts` reaches those of another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Deliver = Callable[[dict[str, Any]], Awaitable[int]]
"""Runs a consumer on a delivery (tag, id, body, key, draw, headers, attempt, available, channel); how it ended."""


class Subscription(Protocol):
    """One consumer of one replica."""

    async def leave(self) -> None:
        """Take nothing new; returns when all that it had is done."""

    def crash(self) -> None:
        """It is dead: what it had comes again at once, elsewhere."""

    def reach(self, reachable: bool) -> None:
        """Whether the broker reaches it; while not, it gets nothing new."""


class Parts(Protocol):
    """All that a replica asks of its databases, caches and brokers."""

    async def start(self) -> None:
        """Be ready for what follows."""

    async def stop(self) -> None:
        """Let go of everything."""

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome.

        `hang`: the store is out of reach, so only the timeout ends it.
        """

    async def lookup(self, cache: str, key: str | None, hit: bool = False) -> bool:
        """Whether a cache holds a key; without a key the caller knows (`hit`), and it is only counted."""

    async def fill(self, cache: str, key: str, ttl: int, capacity: int) -> None:
        """Have a cache hold a key for `ttl` ns, among at most `capacity` (-1: no limit)."""

    async def join(self, cache: str, key: str) -> int:
        """Wait for the read of a key that is under way: its outcome, or LEAD or AGAIN of `cache_contents`."""

    def land(self, cache: str, key: str, outcome: int) -> None:
        """The read that led has ended."""

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a store; to be counted there."""

    def down(self, channel: str) -> bool:
        """Whether a channel's broker is out of order."""

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message (id, body, key, draw, headers): OK once the broker has it, OVERLOADED when it refuses it.

        RESET when the broker is out of order.
        """

    async def subscribe(self, consumer: dict[str, Any], replica: str, deliver: Deliver) -> Subscription:
        """A consumer (name, group, channel, ordinal, threads, prefetch, retry, idempotent) of a replica is ready."""

    def effect(self, tag: int, step: int) -> None:
        """A delivery has done a step with an effect."""

    def lost(self, channel: str) -> None:
        """A crash lost a message that was to be published: data was written, and the broker never heard of it."""

    def crashed(self, replica: str) -> None:
        """A replica is dead, with all its consumers."""

    async def stats(self, name: str) -> dict[str, int]:
        """What a channel or store has counted, and what waits there."""


def consumer_settings(consumer: Any, ordinal: int, *, held: bool = False) -> dict[str, Any]:
    """A consumer's numbers (a plan's `Consumer`) as plain data. `held`: it gets nothing before `reach`."""
    retry = consumer.retry
    return {
        "name": consumer.name, "group": consumer.group, "channel": consumer.channel, "ordinal": ordinal,
        "threads": consumer.threads, "prefetch": consumer.prefetch, "idempotent": consumer.idempotent,
        "held": held,
        "retry": {
            "attempts": retry.attempts, "backoff": retry.backoff, "factor": retry.factor,
            "max_backoff": retry.max_backoff, "jitter": retry.jitter,
        },
    }
