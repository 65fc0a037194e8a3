"""When a message that failed comes again, and when it is given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msforge.policies.backoff import delay as backoff_delay
from msforge.policies.keys import child_key, occurrence, uniform

CRASH_DELIVERIES: Final = 20
"""A message whose deliveries all end in a crash is given up after so many (RabbitMQ's default)."""


def given_up(attempts: int, begun: int, *, crashed: bool, dead_letters: bool) -> bool:
    """Whether a message has had its last delivery: `attempts` are allowed (-1: any number), `begun` have begun.

    A crash loses no message, and so a message without a place for dead letters comes again more often after one; but a
    poison one must end.
    """
    if crashed and not dead_letters and attempts >= 0:
        attempts = max(attempts, CRASH_DELIVERIES)
    return 0 <= attempts <= begun


def pause_before_next(retry: dict[str, Any], begun: int, last: int, draw: Sequence[int]) -> int:
    """ns until the next delivery of a message of which `begun` have begun, after a pause of `last`.

    `draw` is the message's place among the draws (key, number, context), which jitter is drawn by.
    """
    jitter = retry["jitter"]
    u = 0.5
    if jitter != "none":
        key, request, context = draw
        place = child_key(child_key(key, "redeliver"), "@jitter")
        u = uniform(place, request, occurrence(context, 0, begun))
    return backoff_delay(begun, retry["backoff"], retry["factor"], retry["max_backoff"], jitter, u, last)
