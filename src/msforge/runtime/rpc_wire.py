"""gRPC's status codes, and the HTTP status that stands for the same (docs/semantics.md, "On the wire").

Headers travel as metadata under the same names as over HTTP; an outcome's word and its cause come in the trailing
metadata.
"""

from __future__ import annotations

import os
from typing import Any, Final

from msforge.runtime.failures import (
    BULKHEAD_FULL,
    CANCELLED,
    CIRCUIT_OPEN,
    ERROR,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    RESET,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
)

CODE: Final = {
    ERROR: 13, REJECTED: 3, TIMEOUT: 4, OVERLOADED: 14, RATE_LIMITED: 8, UNAVAILABLE: 14, CIRCUIT_OPEN: 14,
    BULKHEAD_FULL: 14, THROTTLED: 14, RESET: 14, CANCELLED: 1,
}
"""The status code of each outcome that is a failure (INTERNAL 13, INVALID_ARGUMENT 3, DEADLINE_EXCEEDED 4,
UNAVAILABLE 14, RESOURCE_EXHAUSTED 8, CANCELLED 1)."""
STATUS: Final = {1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 404, 16: 401}
"""The HTTP status for a code; 500 for those that are missing."""
BROKEN: Final = frozenset((1, 14))
"""Codes that gRPC itself gives when the connection breaks, or there is none: then no word comes with them."""
NO_RETRIES: Final = (
    ("grpc.enable_retries", 0),  # tries are the policies' affair
    ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),  # a replica that is back is called at once, not after gRPC's seconds
    ("grpc.use_local_subchannel_pool", 1),  # connections of its own for each replica
    ("grpc.enable_http_proxy", 0),
)
"""Options of a channel."""
ALONE: Final = (("grpc.so_reuseport", 0),)
"""Options of a server: a port that is taken is an error."""


def number_of(code: Any) -> int:
    """The number of a `grpc.StatusCode`."""
    number: int = code.value[0]
    return number


def library() -> Any:
    """The package `grpc`, told to say nothing of its connections but errors. Raises ImportError."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    import grpc

    return grpc


def code_of(number: int) -> Any:
    """The `grpc.StatusCode` of a number."""
    return next(code for code in library().StatusCode if code.value[0] == number)


def texts(metadata: Any) -> dict[str, str]:
    """Metadata as headers: the last of several with one name, none of the binary ones."""
    return {key: value for key, value in metadata or () if isinstance(value, str)}
