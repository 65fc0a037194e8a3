"""OpenTelemetry's semantic conventions: what a span says of a request, the same for one that ran and one simulated.

HTTP, RPC, messaging and database conventions of version 1.38; what they have no word for begins with `msforge.`.
"""

from __future__ import annotations

from typing import Final

from msforge.runtime.failures import (
    BULKHEAD_FULL,
    CANCELLED,
    CIRCUIT_OPEN,
    DEGRADED,
    RESET,
    THROTTLED,
    TIMEOUT,
    WORDS,
)
from msforge.runtime.place import encode
from msforge.runtime.rpc_wire import CODE
from msforge.runtime.wire import STATUS

Value = str | int
UNANSWERED: Final = frozenset((TIMEOUT, CIRCUIT_OPEN, BULKHEAD_FULL, THROTTLED, RESET, CANCELLED))
"""Outcomes that a caller knows without having been answered: they have no status."""
CLIENT_SPAN: Final = 0xA5A5A5A5A5A5A5A5
"""What a root request's span id is made with, out of the low half of its trace id."""
SQL: Final = {"postgres": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite"}
"""Kinds of stores that speak SQL, by OpenTelemetry's names."""


def root_trace(key: int, number: int) -> str:
    """The `traceparent` of a source's request: the same request has the same trace in every run of the same seed.

    `key` is the source's (`place.root_key`), `number` the request's.
    """
    digits = encode(key, number, 0).split("-")
    trace = f"{digits[0]:0>16}{int(digits[1]) & (1 << 64) - 1:016x}"
    return f"00-{trace}-{int(trace[-16:], 16) ^ CLIENT_SPAN:016x}-01"


def named(http: str, grpc: str, endpoint: str) -> str:
    """The name of a request's spans: `POST /orders` or `shop.Orders/Place`."""
    return grpc or http or f"POST /{endpoint}"


def request(http: str, grpc: str, endpoint: str, callee: str = "") -> dict[str, Value]:
    """What is asked for: of `callee` at its caller, of oneself when that is empty."""
    if grpc:
        service, _, method = grpc.rpartition("/")
        asked: dict[str, Value] = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        return asked | ({"server.address": callee} if callee else {})
    method, _, route = named(http, grpc, endpoint).partition(" ")
    asked = {"http.request.method": method}
    if callee:
        return asked | {
            "url.template": route, "url.full": f"http://{callee}{route}", "server.address": callee, "server.port": 80,
        }
    return asked | {"http.route": route, "url.path": route, "url.scheme": "http"}


def ended(outcome: int, *, grpc: bool, caller: bool, status: int = 0) -> tuple[dict[str, Value], bool]:
    """How it ended, and whether that makes the span's status an error (at a server not what its caller did wrong).

    `status` is the HTTP status when another than the outcome's own.
    """
    said: dict[str, Value] = {"msforge.outcome": WORDS[outcome]}
    answered = not (caller and outcome in UNANSWERED)
    code = (CODE.get(outcome, 0) if grpc else status or STATUS[outcome]) if answered else 0
    if answered:
        said["rpc.grpc.status_code" if grpc else "http.response.status_code"] = code
    if outcome <= DEGRADED:
        return said, False
    said["error.type"] = str(code) if answered else WORDS[outcome]
    return said, caller or grpc or code >= 500


def messaging(system: str, channel: str, operation: str, group: str = "") -> dict[str, Value]:
    """A message's way to (`send`) or from (`process`) a channel; `system` and `group` are left out when unknown."""
    said: dict[str, Value] = {"messaging.system": system} if system else {}
    said |= {
        "messaging.destination.name": channel, "messaging.operation.type": operation,
        "messaging.operation.name": operation,
    }
    return said | ({"messaging.consumer.group.name": group} if group else {})


def database(kind: str, store: str, *, write: bool) -> tuple[str, dict[str, Value]]:
    """The name and attributes of one operation on a store."""
    system = SQL.get(kind, kind)
    words = ("SELECT", "INSERT") if kind in SQL else ("GET", "SET") if kind == "redis" else ("find", "insert")
    operation = words[write]
    return f"{operation} {store}", {
        "db.system.name": system, "db.namespace": store, "db.operation.name": operation, "server.address": store,
    }
