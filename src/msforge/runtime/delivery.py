"""What a channel deals in: messages, the workers that take them, and deliveries of the one to the other."""

from __future__ import annotations

from collections import deque
from typing import Any

Content = dict[str, Any]
"""A message as plain data: id, body, key (int or None), draw [key, number, context], headers."""


class Message:
    """A message on its way to one queue or one consumer group. `attempts` counts deliveries that began."""

    __slots__ = ("attempts", "available", "content", "effects", "last_delay", "partition")

    def __init__(self, content: Content, now: int) -> None:
        self.content = content
        self.available = now
        self.attempts = 0
        self.last_delay = 0
        self.effects: set[int] = set()
        self.partition = -1


class Worker:
    """One consumer on one replica. `settings`: name, group, ordinal, threads, prefetch, retry, idempotent."""

    __slots__ = (
        "attempts", "buffer", "busy", "cut", "held", "idempotent", "leaving", "name", "ordinal", "prefetch", "replica",
        "retry", "running", "service", "threads", "unacked", "up",
    )

    def __init__(self, settings: dict[str, Any], replica: str) -> None:
        self.service: str = settings["group"]
        self.name = consumer_name(settings)
        self.replica = replica
        self.ordinal: int = settings.get("ordinal", 0)
        self.adopt(settings)
        self.up = False
        self.leaving = False
        self.cut = False
        self.held = False  # it is there, but not ready
        self.unacked = 0
        self.busy = 0
        self.buffer: deque[Message] = deque()
        self.running: dict[Delivery, None] = {}

    def adopt(self, settings: dict[str, Any]) -> None:
        """Take the consumer's numbers."""
        self.threads: int = settings["threads"]
        self.prefetch: int = settings["prefetch"]
        self.retry: dict[str, Any] = settings["retry"]
        self.attempts: int = self.retry["attempts"]
        self.idempotent: bool = settings["idempotent"]

    def idle(self) -> bool:
        """Whether it has finished all it had."""
        return not self.busy and not self.buffer


class Delivery:
    """One message at one worker, from its begin until it is settled. `open` until then."""

    __slots__ = ("attempt", "message", "open", "worker")

    def __init__(self, message: Message, worker: Worker) -> None:
        self.message = message
        self.worker = worker
        self.attempt = message.attempts
        self.open = True


def consumer_name(settings: dict[str, Any]) -> str:
    """service.consumer"""
    return f"{settings['group']}.{settings['name']}"
