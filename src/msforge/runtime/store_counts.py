"""What one replica has seen of a store on a server."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class StoreCounts:
    """Counts of one store, of this replica alone."""

    arrived: int = 0
    finished: int = 0
    timeouts: int = 0
    busy: int = 0
    waiting: int = 0
    hits: int = 0
    misses: int = 0
    shared: int = 0

    def plain(self) -> dict[str, int]:
        """As the embedded stores count."""
        return asdict(self)
