"""What a run records: the vocabulary shared by simulated and measured runs.

Times are integer nanoseconds since the start of the run. A run is kept as flat integer
rows whose columns are named here; `recording` turns them into `Records`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

NANOSECOND: Final = 1
SECOND: Final = 1_000_000_000


class Outcome(IntEnum):
    """How a request ended. Exactly one per request; IN_FLIGHT only at the end of a run."""

    OK = 0
    DEGRADED = 1
    ERROR = 2
    REJECTED = 3
    TIMEOUT = 4
    OVERLOADED = 5
    RATE_LIMITED = 6
    UNAVAILABLE = 7
    CIRCUIT_OPEN = 8
    BULKHEAD_FULL = 9
    THROTTLED = 10
    RESET = 11
    CANCELLED = 12
    IN_FLIGHT = 13

    @property
    def word(self) -> str:
        """The outcome as files and reports write it, e.g. `rate_limited`."""
        return self.name.lower()


OUTCOMES: Final = 13
"""Number of outcomes a finished request can have (IN_FLIGHT is not one of them)."""

ANSWERED: Final = (Outcome.OK, Outcome.DEGRADED)

# One row per finished root request (a request sent by a traffic source).
ROOT_COLUMNS: Final = (
    "source",     # index of the source
    "target",     # index of the entry body
    "number",     # request number within the source, from 0
    "arrival",    # ns, intended arrival time
    "end",        # ns, when the client had its answer or gave up
    "outcome",    # Outcome
    "cause",      # first cause of a failure: service index * 16 + Outcome of that cause, -1 for none
    "tries",      # tries the client made
    "queue",      # ns waiting for a thread at the entry service (last try)
    "own",        # ns of work and wait steps at the entry service, on the critical path
    "store",      # ns in stores and brokers, on the critical path
    "network",    # ns on the network: client hops and the entry service's own calls
    "backoff",    # ns backing off, client's and the entry service's own
)  # the rest of end - arrival is time in other services

# One row per request that a service finished (refusals included), and per message delivery.
SERVED_COLUMNS: Final = (
    "body",       # index of the endpoint or consumer
    "replica",    # run-wide replica number
    "source",     # index of the root's source
    "root",       # ns, intended arrival of the root request: decides warm-up
    "arrive",     # ns, when it reached the replica
    "wait",       # ns waiting for a thread; -1 when it never got one
    "end",        # ns
    "outcome",    # Outcome
    "own",        # ns of work and wait steps, on the critical path
    "store",      # ns in stores and brokers
    "network",    # ns on the network to and from the services it called
    "backoff",    # ns backing off before retries
    "gone",       # 1 when its caller had given up before it ended
)
