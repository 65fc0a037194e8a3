"""Reaching a Kafka: whether it answers, whether it has us, and the topics that are to be there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from msforge.runtime.kafka_ending import ended
from msforge.runtime.kafka_url import KafkaUrl
from msforge.runtime.part_error import PartError

PATIENCE: Final = 10.0
"""Real seconds that a connection may take."""
ANSWER: Final = 3.0
"""Real seconds after which a broker that says nothing counts as gone."""
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what breaks is ours to say
BROKEN: Final = (KafkaError, OSError, TimeoutError)
"""What a request comes to when the broker is gone, or refuses."""
FORBIDDEN: Final = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


def admin_of(url: KafkaUrl, name: str) -> AIOKafkaAdminClient:
    """A client that makes and lists topics, not started."""
    return AIOKafkaAdminClient(**url.options(), client_id=name, request_timeout_ms=round(ANSWER * 1000))


async def declare(admin: AIOKafkaAdminClient, url: KafkaUrl, wanted: Mapping[str, int]) -> None:
    """Make the topics (name -> partitions) that are not there. Raises PartError for one that is there with fewer."""
    there = set(await admin.list_topics())
    new = [NewTopic(name, n, -1, replica_assignments={}) for name, n in wanted.items() if name not in there]
    if new:
        made = await admin.create_topics(new)
        for name, code, *told in made.topic_errors:
            if code and code != TopicAlreadyExistsError.errno:
                raise PartError(f"{url}: topic {name} cannot be made: {(told or [None])[0] or for_code(code).__name__}")
    for topic in await admin.describe_topics([*wanted]):
        name, n = topic["topic"], len(topic["partitions"])
        if n < wanted[name]:
            raise PartError(f"{url}: topic {name} is there already with {n} partitions, not {wanted[name]}; "
                            f"delete it, or say partitions: {n}")


async def look_in(url: str) -> None:
    """See that a broker can be used. Raises PartError that says why not."""
    read = KafkaUrl(url)
    async with explained(read):
        admin = admin_of(read, "msforge-looks-in")
        try:
            await admin.start()
            await admin.list_topics()
        finally:
            await ended(admin.close())


@asynccontextmanager
async def explained(url: KafkaUrl) -> AsyncIterator[None]:
    """Raises PartError for whatever goes wrong inside, or takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except BROKEN as problem:
        if isinstance(problem, FORBIDDEN):
            raise PartError(f"{url}: the broker does not allow that: {problem}") from problem
        told = f"{url}: no Kafka answers there"
        if url.user:  # a client cannot tell the one from the other
            told += ", or it refuses the user or the password"
        raise PartError(told, out_of_reach=True) from problem
    except (AssertionError, ValueError) as problem:
        raise PartError(f"{url}: {problem}") from problem
