"""What services share: stores, channels and the network."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from msforge.spec.fields import (
    MILLISECOND,
    ZERO_TIME,
    Duration,
    Limit,
    Name,
    Part,
    Places,
    PositiveCopies,
    PricePerGib,
    PricePerHour,
    Size,
    Time,
    fail,
)


class Store(Part):
    """A database or cache: `connections` operations are served at once, more wait."""

    kind: Name = Field("postgres", description="What it is: postgres, mysql, mongodb, redis ...")
    owner: Name | None = Field(None, description="The service it belongs to; others should not touch it.")
    connections: Places = Field(10, description="Operations served at once.")
    read: Time = Field(MILLISECOND, description="What a read takes.")
    write: Time = Field(MILLISECOND, description="What a write takes.")
    zone: Name | None = Field(None, description="Where it stands.")
    cost: PricePerHour = Field(0.0, description="What it costs, e.g. `0.10/h`.")


NOT_OF_TOPICS: Final = frozenset({"max_length", "overflow"})
NOT_OF_QUEUES: Final = frozenset({"partitions", "rebalance"})


class Channel(Part):
    """A message queue or topic. At least once; a publisher waits for the broker, never for a consumer."""

    kind: Literal["queue", "topic"] = Field(
        "queue",
        description="`queue`: each message to one consumer. `topic`: every consuming service gets each message, "
        "in order within a partition.",
    )
    broker: Literal["rabbitmq", "kafka", "embedded"] | None = Field(
        None,
        description="What runs it in generated systems. By default rabbitmq for a queue, kafka for a topic. "
        "The simulation makes no difference.",
    )
    publish: Time = Field(MILLISECOND, description="Until the broker has a message.")
    max_length: Limit = Field(-1, description="Queue: messages it holds.")
    overflow: Literal["drop_head", "reject_publish"] = Field(
        "drop_head", description="Queue: when full, the oldest message is dropped or the new one refused."
    )
    dead_letter: Name | None = Field(
        None, description="Where a message goes after its last attempt. A queue of this name is made if there is none."
    )
    partitions: PositiveCopies = Field(1, description="Topic: parts that are read in parallel.")
    rebalance: Duration = Field(
        3_000_000_000, description="Topic: how long a group stands still when a member comes or goes."
    )
    relay: Duration = Field(1_000_000_000, description="How long an outbox message waits for its relay, at most.")
    zone: Name | None = Field(None, description="Where its broker stands.")
    cost: PricePerHour = Field(0.0, description="What it costs, e.g. `0.10/h`.")

    def _others(self) -> frozenset[str]:
        return NOT_OF_TOPICS if self.kind == "topic" else NOT_OF_QUEUES

    def tidy(self, out: dict[str, Any]) -> None:
        for key in self._others():
            del out[key]

    @model_validator(mode="after")
    def _one_kind(self) -> Channel:
        wrong = sorted(self.model_fields_set & self._others())
        if wrong:
            raise fail(
                "E401",
                f"`{wrong[0]}` does not belong to a {self.kind}",
                "a queue has max_length and overflow; a topic has partitions and rebalance",
                wrong[0],
            )
        if self.broker is None:
            self.__dict__["broker"] = "rabbitmq" if self.kind == "queue" else "kafka"
        elif (self.broker, self.kind) in (("kafka", "queue"), ("rabbitmq", "topic")):
            raise fail(
                "E401",
                f"{self.broker} has no {self.kind}s",
                "rabbitmq has queues, kafka has topics, embedded has both",
                "broker",
            )
        return self


class BetweenZones(Part):
    """What it takes to leave a zone."""

    latency: Time = Field(ZERO_TIME, description="Added to each hop between different zones, one way.")
    cost: PricePerGib = Field(0.0, description="Price of the traffic between zones, e.g. `0.01/GiB`.")


class Network(Part):
    """The network between services."""

    latency: Time = Field(ZERO_TIME, description="One way, each hop, drawn anew each time.")
    between_zones: BetweenZones | None = Field(None, description="What is added between different zones.")
    message_size: Size = Field(4096, description="Size of one message, for the cost of traffic between zones.")
