"""What tests of brokers share: messages, handlers that note what they were given, and waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msforge.runtime.failures import OK

NO_RETRY = {"attempts": 1, "backoff": 0, "factor": 2.0, "max_backoff": -1, "jitter": "none"}


def consumer(channel: str, **other: Any) -> dict[str, Any]:
    """A consumer's settings."""
    retry = {**NO_RETRY, **other.pop("retry", {})}
    return {"name": "take", "group": "s", "channel": channel, "ordinal": 0, "threads": 1, "prefetch": 10,
            "idempotent": False, "retry": retry, **other}


def message(number: int = 0) -> dict[str, Any]:
    """What a publisher hands over."""
    return {"id": f"m{number}", "body": {"n": number}, "key": 7, "draw": [2**64 - 1, number, 3],
            "headers": {"traceparent": "00-aa"}}


class Seen:
    """A handler that notes what it was given, and answers with the next of `outcomes`, then with ok."""

    def __init__(self, *outcomes: int) -> None:
        self.outcomes = [*outcomes]
        self.deliveries: list[dict[str, Any]] = []
        self.at: list[float] = []

    async def __call__(self, delivery: dict[str, Any]) -> int:
        self.deliveries.append(delivery)
        self.at.append(asyncio.get_running_loop().time())
        return self.outcomes.pop(0) if self.outcomes else OK


async def until(true: Callable[[], bool], within: float = 30.0) -> bool:
    """Whether something comes true."""
    end = asyncio.get_running_loop().time() + within
    while not true() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.01)
    return true()


def used(broker: Any, act: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """Start, act, stop."""

    async def run() -> Any:
        await broker.start()
        try:
            return await act(broker)
        finally:
            await broker.stop()

    return asyncio.run(run())


async def nowhere(target: str, letter: dict[str, Any]) -> bool:
    raise AssertionError("there are no dead letters")


async def wait(broker: Any) -> None:
    """Nothing."""
