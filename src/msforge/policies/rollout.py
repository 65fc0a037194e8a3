"""The order in which a deployment replaces replicas: a rolling update, as Kubernetes does it, perhaps with a canary."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final, TypeVar

T = TypeVar("T")
GRACE: Final = 30_000_000_000
"""ns that a replica taken out has to finish (Kubernetes' default grace period)."""


def batches(replicas: Sequence[T], at_once: int, canary: float = 0.0) -> tuple[list[list[T]], list[list[T]]]:
    """The canary's batches and the rest's, `at_once` replicas each, in order. A canary is at least one replica."""
    first = min(len(replicas), max(1, ceil(canary * len(replicas) - 1e-9))) if canary > 0 else 0
    return _cut(replicas[:first], at_once), _cut(replicas[first:], at_once)


def _cut(replicas: Sequence[T], size: int) -> list[list[T]]:
    size = max(1, size)
    return [list(replicas[i : i + size]) for i in range(0, len(replicas), size)]
