"""A retry budget: how many retries a client may add to its own traffic."""

from __future__ import annotations

from typing import Final

from msforge.policies.bucket import TokenBucket

KINDS: Final = ("ratio", "grpc")
UNIT: Final = 1_000_000
"""Parts that a token of the `ratio` kind is counted in."""
GRPC_UNIT: Final = 1000
"""Parts that gRPC counts a token in: `token_ratio` has three decimals."""


class RetryBudget:
    """Tokens that retries need, counted in integers.

    `ratio`: Finagle's `RetryBudget` without expiry. Each first try earns `ratio` tokens, at most
    `burst` are kept, and it starts with `burst`; a retry takes one whole token. When there is none, a
    floor of `minimum` retries a second still goes through: a continuously refilled bucket that
    holds one second's worth, or one retry if that is more.

    `grpc`: gRPC's retry throttling (proposal A6). Starts with `max_tokens`; a failed try takes one, a
    successful one gives `token_ratio`; retries only while tokens exceed half of `max_tokens`.
    """

    __slots__ = ("_earn", "_floor", "_grpc", "_most", "kind", "level")

    def __init__(
        self, kind: str, ratio: float, burst: int, minimum: float, max_tokens: int, token_ratio: float
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown retry budget {kind!r}; there are {', '.join(KINDS)}")
        self.kind = kind
        self._grpc = kind == "grpc"
        self._earn = round(token_ratio * GRPC_UNIT) if self._grpc else round(ratio * UNIT)
        self._most = max_tokens * GRPC_UNIT if self._grpc else burst * UNIT
        self.level = self._most
        self._floor = None if self._grpc or minimum <= 0 else TokenBucket(minimum, max(1, int(minimum)))

    def first_try(self, now: int) -> None:
        """A call sends its first try at `now` (ns)."""
        if not self._grpc:
            level = self.level + self._earn
            self.level = level if level < self._most else self._most

    def retry(self, now: int) -> bool:
        """Whether a retry may go out at `now` (ns); takes its token."""
        if self._grpc:
            return 2 * self.level > self._most
        if self.level >= UNIT:
            self.level -= UNIT
            return True
        return self._floor is not None and self._floor.take(now)

    def result(self, now: int, ok: bool) -> None:
        """A try ended at `now` (ns), well or not."""
        if self._grpc:
            level = self.level + (self._earn if ok else -GRPC_UNIT)
            self.level = 0 if level < 0 else min(level, self._most)
