"""Ending aiokafka's clients at once. By themselves they wait: for what is yet to be sent, for a group to be dealt anew.

What is used here is not part of aiokafka's interface, and tested for that reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

PATIENCE: Final = 1.5
"""Real seconds that a client may take to end: the broker may be gone."""


async def ended(ending: Awaitable[Any]) -> bool:
    """Wait for a client to end, but not for long. False: it did not."""
    try:
        async with asyncio.timeout(PATIENCE):
            await ending
    except (KafkaError, OSError):
        return False
    return True


async def end_producer(producer: AIOKafkaProducer) -> None:
    """Close it. What it has not sent by now is never sent: its publishers were told so."""
    sender = producer._sender.sender_task
    if sender is not None:
        await _cancelled(sender)
        producer._message_accumulator.fail_all(KafkaConnectionError("the connection is gone"))
    if not await ended(producer.stop()):
        await ended(producer.client.close())


async def end_consumer(consumer: AIOKafkaConsumer, *, good_bye: bool) -> None:
    """Close it. Without a good-bye its group finds out when it is not heard of any more."""
    coordinator = consumer._coordinator
    if coordinator is not None:
        await _cancelled(coordinator._coordination_task)
        if not good_bye:
            coordinator._maybe_leave_group = _nothing
        elif coordinator.generation == 0:  # Tansu counts from 0, aiokafka takes that for no member
            coordinator.generation = 1
    if not await ended(consumer.stop()):
        if consumer._fetcher is not None:
            await ended(consumer._fetcher.close())
        await ended(consumer._client.close())


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Have a task end."""
    task.cancel()
    await asyncio.wait((task,), timeout=PATIENCE)
    if task.done() and not task.cancelled():
        with suppress(KafkaError):
            task.exception()


async def _nothing() -> None:
    """No good-bye."""
