"""A partition of a topic at the consumer that has it, and which one begins next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from msforge.runtime.kafka_message import Head, sent


class Lane:
    """One partition: what was read of it, oldest first. `slot` is the thread that works on it."""

    __slots__ = ("gone", "head", "held", "id", "number", "records", "resting", "slot", "task")

    def __init__(self, number: int, slot: int) -> None:
        self.number = number
        self.slot = slot
        self.records: deque[Any] = deque()
        self.head = Head()
        self.id = ""  # of the message that it stands at
        self.task: asyncio.Task[None] | None = None
        self.resting = False
        self.held = True  # until it is known what its head has had
        self.gone = False

    @property
    def free(self) -> bool:
        """Whether nothing is under way."""
        return self.task is None

    def stand_at(self, offset: int, id: str, before: tuple[str, Head] | None) -> None:
        """Its head is this message now. `before`: the one that was under way when the partition was last read here."""
        if self.head.offset != offset:
            self.head = Head(offset)
        if before is not None and before[0] == id and before[1].offset == offset and before[1].begun > self.head.begun:
            self.head = before[1]
        self.id = id


def oldest_that_can_begin(lanes: Iterable[Lane]) -> Lane | None:
    """The lane whose first message has waited longest, of those that are free to begin it."""
    found = [*lanes]
    busy = {lane.slot for lane in found if not lane.free}
    ready = [lane for lane in found if lane.records and not (lane.resting or lane.held) and lane.slot not in busy]
    return min(ready, key=lambda lane: (sent(lane.records[0]), lane.number), default=None)
