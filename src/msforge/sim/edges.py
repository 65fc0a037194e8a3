"""What is counted per call step."""

from __future__ import annotations

from msforge.records import OUTCOMES


class EdgeRun:
    """Counters of one arrow. Those that begin with `counted_` are over measured roots only."""

    __slots__ = (
        "budget_denied",
        "call_outcomes",
        "calls",
        "counted_calls",
        "counted_gave_up",
        "counted_hedges",
        "counted_late",
        "counted_plain",
        "counted_retries",
        "counted_tries",
        "failed_calls",
        "failed_tries",
        "gave_up",
        "hedges",
        "plain",
        "retries",
        "tries",
        "try_outcomes",
    )

    def __init__(self) -> None:
        self.calls = self.tries = self.retries = self.hedges = self.budget_denied = self.gave_up = 0
        self.failed_tries = self.failed_calls = 0
        self.counted_calls = self.counted_tries = self.counted_retries = 0
        self.counted_hedges = self.counted_gave_up = 0
        self.plain = self.counted_plain = 0  # calls whose first try succeeds at a quiet service
        self.counted_late = 0  # those whose later try does
        self.try_outcomes = [0] * OUTCOMES
        self.call_outcomes = [0] * OUTCOMES

    def counts(self) -> tuple[int, ...]:
        """In the order of EDGE_COUNTS."""
        return (
            self.counted_calls + self.counted_plain, self.counted_tries + self.counted_plain, self.counted_retries,
            self.counted_hedges, self.budget_denied, self.counted_gave_up,
        )

    def outcomes(self, counts: list[int], unanswered: int) -> list[int]:
        """`try_outcomes` or `call_outcomes`, with the successes at quiet services but those not yet answered."""
        return [counts[0] + self.counted_plain + self.counted_late - unanswered, *counts[1:]]
