"""What one replica has seen of a channel on a server."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class PartCounts:
    """Counts of one channel, of this replica alone: a broker tells nobody who did what."""

    published: int = 0
    delivered: int = 0
    done: int = 0
    redelivered: int = 0
    dead: int = 0
    dropped: int = 0
    rejected: int = 0
    applied_twice: int = 0
    lost: int = 0

    def plain(self) -> dict[str, int]:
        """As the embedded channels count."""
        return asdict(self)
