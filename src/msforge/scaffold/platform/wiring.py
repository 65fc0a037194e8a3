"""The servers that a description asks for: which they are, and how a service is told where they are.

The names of the settings are those that `msforge up --with` uses: RABBITMQ_URL, POSTGRES_URL, REDIS_URL, KAFKA_URL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msforge.scaffold.context import Data


@dataclass(frozen=True, slots=True)
class Part:
    """A product: the setting that holds its URL, the URL, and the port that it listens on.

    `{password}`, `{host}` and `{database}` are filled in.
    """

    name: str
    setting: str
    url: str
    port: int
    password: str = ""
    """The variable that holds its password; none is needed when empty."""


PARTS: Final = {
    part.name: part
    for part in (
        Part("rabbitmq", "RABBITMQ_URL", "amqp://msforge:{password}@{host}:5672/", 5672, "RABBITMQ_PASSWORD"),
        Part(
            "postgres", "POSTGRES_URL", "postgresql://msforge:{password}@{host}:5432/{database}", 5432,
            "POSTGRES_PASSWORD",
        ),
        Part("redis", "REDIS_URL", "redis://:{password}@{host}:6379/0", 6379, "REDIS_PASSWORD"),
        Part("kafka", "KAFKA_URL", "kafka://{host}:9092", 9092),
    )
}
"""By the word of a description: a channel's `broker`, a store's `kind`."""
SAME: Final = {"postgresql": "postgres", "valkey": "redis"}
"""Other words for a product."""
GRAFANA: Final = "GRAFANA_PASSWORD"


def used(context: Data, service: Data) -> list[str]:
    """The products that a service needs, in the order of PARTS; what msforge runs no server for is left embedded."""
    channels = {channel["name"]: channel for channel in context["channels"]}
    kinds = {store["name"]: store["kind"] for store in context["stores"]}
    mine = [*service["channels_used"]]
    for name in mine:  # and where its messages end up; `mine` grows meanwhile
        if (dead := channels[name]["dead_letter"]) and dead not in mine:
            mine.append(dead)
    return products({channels[name]["broker"] for name in mine} | {kinds[name] for name in service["stores_used"]})


def products(words: Iterable[str]) -> list[str]:
    """The products of these brokers and kinds of stores, in the order of PARTS."""
    named = {SAME.get(word, word) for word in words}
    return [name for name in PARTS if name in named]
