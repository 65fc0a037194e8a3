"""How far the groups of a topic are behind: what the broker has, less what they have committed."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


class Lag:
    """Looks at the offsets of all groups whose names begin with `prefix`, members or not."""

    def __init__(self, options: dict[str, Any], name: str, admin: AIOKafkaAdminClient, prefix: str) -> None:
        self.admin = admin
        self.prefix = prefix
        self._reader = AIOKafkaConsumer(**options, client_id=name)  # a member of no group
        self._started: asyncio.Future[None] | None = None

    async def of(self, topic: str, partitions: int) -> int:
        """Messages times groups that are not yet done, dead or dropped."""
        if self._started is None:
            self._started = asyncio.ensure_future(self._reader.start())
        await asyncio.shield(self._started)
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        ends = await self._reader.end_offsets(places)
        groups = [name for name, *_ in await self.admin.list_consumer_groups() if self._ours(name)]
        committed = await asyncio.gather(
            *(self.admin.list_consumer_group_offsets(group, partitions=places) for group in groups))
        return sum(
            max(0, ends[place] - found.offset)
            for offsets in committed for place, found in offsets.items() if found.offset >= 0
        )

    def _ours(self, group: str) -> bool:
        """service.consumer"""
        return group.startswith(self.prefix) and "." in group[len(self.prefix):]

    async def stop(self) -> None:
        """Hang up."""
        if self._started is not None:
            self._started.cancel()
        await self._reader.stop()
