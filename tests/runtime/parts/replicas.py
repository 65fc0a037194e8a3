"""Replicas in virtual time for tests of stores and events: real ones, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msforge.policies.keys import child_key, stream_key
from msforge.runtime.embedded import EmbeddedParts
from msforge.runtime.events import Events
from msforge.runtime.flow import Flow
from msforge.runtime.plan import Service
from msforge.runtime.replica import Replica
from msforge.runtime.stores import Stores
from tests.virtual_time import VirtualLoop


def silent(line: str) -> None:
    """A sink that forgets."""


def replica_of(
    loop: VirtualLoop, parts: EmbeddedParts, name: str = "a", ordinal: int = 0, data: Path | None = None
) -> Replica:
    """A replica with stores and events, not started."""
    replica = Replica(Service(name), ordinal=ordinal, clock=parts.clock, parts=parts, log=silent)
    replica.stores = Stores(replica, data_dir=data)
    replica.events = Events(replica)
    return replica


def entry_key(seed: int, source: str, word: str) -> int:
    """The place of a request that a source sends by the step `word`."""
    return child_key(stream_key(seed, "replication", 0, "source", source), word)


async def request(
    replica: Replica, number: int, act: Callable[[Any], Awaitable[Any]], *, key: int = 7,
    flow_class: type[Flow] = Flow,
) -> Flow:
    """Serve a request whose handler is `act(flow)`."""
    flow = flow_class(replica, "go", key, number, 0)
    flow.task = asyncio.current_task()

    async def handle(_: Any, do: Any) -> Any:
        return await act(do)

    await flow.run(handle, None)
    return flow
