"""How a step fails, and how a handler says that a request is wrong."""

from __future__ import annotations

from typing import Final

from msforge.records import Outcome

OK: Final = int(Outcome.OK)
DEGRADED: Final = int(Outcome.DEGRADED)
ERROR: Final = int(Outcome.ERROR)
REJECTED: Final = int(Outcome.REJECTED)
TIMEOUT: Final = int(Outcome.TIMEOUT)
OVERLOADED: Final = int(Outcome.OVERLOADED)
RATE_LIMITED: Final = int(Outcome.RATE_LIMITED)
UNAVAILABLE: Final = int(Outcome.UNAVAILABLE)
CIRCUIT_OPEN: Final = int(Outcome.CIRCUIT_OPEN)
BULKHEAD_FULL: Final = int(Outcome.BULKHEAD_FULL)
THROTTLED: Final = int(Outcome.THROTTLED)
RESET: Final = int(Outcome.RESET)
CANCELLED: Final = int(Outcome.CANCELLED)

FAILURES: Final = frozenset((ERROR, TIMEOUT, OVERLOADED, UNAVAILABLE, RESET))
"""What a breaker counts as a failure."""

WORDS: Final = tuple(outcome.word for outcome in Outcome)
"""The word of each outcome, by its number."""


class StepFailed(Exception):
    """A step failed and nothing made up for it: the request ends with `outcome`.

    `cause` is the first cause, as `service:outcome`; `status` what an HTTP client is told.
    """

    def __init__(self, outcome: int, cause: str, status: int = 500) -> None:
        super().__init__(outcome, cause, status)
        self.outcome = outcome
        self.cause = cause
        self.status = status

    def __str__(self) -> str:
        return f"{WORDS[self.outcome]}, because of {self.cause}" if self.cause else WORDS[self.outcome]


class Rejected(StepFailed):
    """The request is wrong; a handler raises this to answer with a 4xx status, which nobody retries."""

    def __init__(self, reason: str = "", status: int = 400) -> None:
        super().__init__(REJECTED, "", status if 400 <= status < 500 else 400)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason or "the request was rejected"


def cause_of(service: str, outcome: int) -> str:
    """A first cause as headers and logs carry it."""
    return f"{service}:{WORDS[outcome]}"


def status_of_failure(outcome: int) -> int:
    """The status of a request that failed because a call ended so: a gateway's words for it."""
    return 504 if outcome == TIMEOUT else 502
