"""What goes over HTTP besides bodies: headers, and the status that stands for an outcome.

A client that knows none of these headers is served like any other; its answers are told by their status alone.
"""

from __future__ import annotations

from typing import Final

from msforge.runtime.failures import (
    BULKHEAD_FULL,
    CANCELLED,
    CIRCUIT_OPEN,
    DEGRADED,
    ERROR,
    OK,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    RESET,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    WORDS,
)

OUTCOME: Final = "x-msforge-outcome"    # of an answer: its word
CAUSE: Final = "x-msforge-cause"        # of a failure: service:outcome of its first cause
DRAW: Final = "x-msforge-draw"          # of a request: place and number, as `place.encode` writes them
TIMEOUT_HEADER: Final = "x-msforge-timeout"  # ns that are left until the deadline
CANCEL: Final = "x-msforge-cancel"      # queued | all: what it means when the caller closes the connection
PRIORITY: Final = "x-msforge-priority"  # 1 before 2
ZONE: Final = "x-msforge-zone"          # where the caller stands, when it does not know where the callee does
ROOT: Final = "x-msforge-root"          # source:arrival of the root request, ns; kept for the outcome log
TRACEPARENT: Final = "traceparent"      # W3C Trace Context
IDEMPOTENCY_KEY: Final = "idempotency-key"  # the same for all tries of one call
LONGEST: Final = 1 << 62

STATUS: Final = {
    OK: 200, DEGRADED: 200, ERROR: 500, REJECTED: 400, TIMEOUT: 504, OVERLOADED: 503, RATE_LIMITED: 429,
    UNAVAILABLE: 503, CIRCUIT_OPEN: 503, BULKHEAD_FULL: 503, THROTTLED: 503, RESET: 503, CANCELLED: 499,
}
"""The status of an answer by its outcome, unless the failure brought one of its own."""

OUTCOME_OF: Final = {word: number for number, word in enumerate(WORDS[:-1])}
"""Outcomes by their word."""


def outcome_of(status: int, word: str | None = None) -> int:
    """The outcome that an answer's status stands for, or the one its header says."""
    if word is not None:
        told = OUTCOME_OF.get(word)
        if told is not None:
            return told
    if status < 400:
        return OK
    if status < 500:
        return RATE_LIMITED if status == 429 else CANCELLED if status == 499 else REJECTED
    return OVERLOADED if status == 503 else TIMEOUT if status == 504 else ERROR


def whole_number(text: str | None, default: int) -> int:
    """A header's number, from 0 to 2**62; `default` for none, or for anything else."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 20:
        return default
    return min(int(text), LONGEST)
