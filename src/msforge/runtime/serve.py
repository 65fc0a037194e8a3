"""Serving one HTTP request: admission, handler, outcome."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from msforge.policies.keys import stream_key
from msforge.runtime.asgi import CONNECTION
from msforge.runtime.failures import CANCELLED, DEGRADED, OK, REJECTED, RESET, TIMEOUT, WORDS
from msforge.runtime.flow import Flow, Handler
from msforge.runtime.place import decode
from msforge.runtime.wire import (
    CANCEL,
    CAUSE,
    DRAW,
    OUTCOME,
    PRIORITY,
    ROOT,
    TIMEOUT_HEADER,
    TRACEPARENT,
    ZONE,
    whole_number,
)

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

ANSWERED: Final = (
    {"content-type": "application/json", OUTCOME: WORDS[OK]},
    {"content-type": "application/json", OUTCOME: WORDS[DEGRADED]},
)
TRACE: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
KNOWN: Final = frozenset(
    name.encode() for name in (DRAW, TIMEOUT_HEADER, CANCEL, PRIORITY, ROOT, TRACEPARENT, ZONE)
)


async def serve(
    replica: Replica, endpoint: str, flow_class: type[Flow], handler: Handler, headers: Mapping[str, str],
    request: Any = None,
) -> tuple[int, dict[str, str], bytes]:
    """Serve a request to an endpoint: status, headers and body of the answer. Never raises what a handler raised.

    A caller in another zone that could not know so is kept waiting here for the way between the zones.
    """
    told = _read(headers)
    flow = _flow(replica, endpoint, flow_class, told, replica.clock.now())
    between = replica.service.zone_latency
    if between is None or ZONE not in told or replica.zone in ("", unquote(told[ZONE])):
        return await _served(replica, flow, handler, request, told)
    await replica.clock.sleep(flow.place.duration("zone there", "time", between))
    flow.arrive = replica.clock.now()
    answer = await _served(replica, flow, handler, request, told)
    await replica.clock.sleep(flow.place.duration("zone back", "time", between))
    return answer


async def _served(
    replica: Replica, flow: Flow, handler: Handler, request: Any, told: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Admission, handler, outcome."""
    now = flow.arrive
    if not replica.up:
        flow.refuse(RESET)
        return answer_of(flow)
    deadline = flow.deadline
    admission = replica.admission
    verdict = admission.admit(now, deadline)
    if verdict > OK:
        flow.refuse(verdict)
        return answer_of(flow)
    flow.task = asyncio.current_task()
    alarm = replica.clock.give_up(deadline - now, flow.stop, TIMEOUT) if deadline >= 0 else None
    connection = CONNECTION.get() if flow.cancel != "none" else None
    if connection is not None:
        connection.watch(lambda: hung_up(flow))
    try:
        if verdict == OK:
            flow.begin = now
        elif not await queued(replica, flow, whole_number(told.get(PRIORITY), 1)):
            return answer_of(flow)
        try:
            await flow.run(handler, request)
        finally:
            admission.leave()
    finally:
        if alarm is not None:
            alarm.cancel()
    return answer_of(flow)


async def queued(replica: Replica, flow: Flow, priority: int) -> bool:
    """Wait for a thread, or an instance. False: it was stopped before it had one."""
    replica.waiting.add(flow)
    try:
        await replica.admission.wait(priority, flow)
    except asyncio.CancelledError:
        if flow.task is None or flow.stopped < 0:
            raise
        flow.task.uncancel()
        flow.refuse(flow.stopped)
        return False
    finally:
        replica.waiting.discard(flow)
    return True


def hung_up(flow: Flow) -> None:
    """The caller has closed the connection: stop what its `cancel` said."""
    flow.gone = True
    if flow.cancel == "all":
        flow.stop(CANCELLED, True)
    elif flow.cancel == "queued" and flow.begin < 0:
        flow.stop(CANCELLED)


def _read(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that matter here."""
    raw = getattr(headers, "raw", None)
    if raw is None:
        return {name.lower(): value for name, value in headers.items() if name.lower().encode() in KNOWN}
    return {name.decode(): value.decode("latin-1") for name, value in raw if name in KNOWN}


def _flow(replica: Replica, endpoint: str, flow_class: type[Flow], told: dict[str, str], now: int) -> Flow:
    """The request as its headers describe it; a stranger's gets a number of its own."""
    drawn = decode(told[DRAW]) if DRAW in told else None
    if drawn is None:
        drawn = (stream_key(replica.seed, "http", replica.name, endpoint), replica.strangers, 0)
        replica.strangers += 1
    left = whole_number(told.get(TIMEOUT_HEADER), -1)
    cancel = told.get(CANCEL, "none")
    parent = told.get(TRACEPARENT, "")
    flow = flow_class(
        replica, endpoint, *drawn, deadline=now + left if left >= 0 else -1,
        cancel=cancel if cancel in ("queued", "all") else "none", trace=trace_of(parent),
        root=told.get(ROOT, ""), arrive=now,
    )
    flow.continues(parent)
    return flow


def trace_of(parent: str) -> str:
    """This request's own `traceparent`: in its caller's trace, or in a new one."""
    span = f"{random.getrandbits(64):016x}"
    if TRACE.fullmatch(parent):
        return f"{parent[:36]}{span}{parent[52:55]}"
    return f"00-{random.getrandbits(128):032x}-{span}-01"


def answer_of(flow: Flow) -> tuple[int, dict[str, str], bytes]:
    """What goes back over HTTP."""
    outcome = flow.outcome
    if outcome <= DEGRADED:
        try:
            return 200, ANSWERED[outcome].copy(), encoded(flow.response)
        except (TypeError, ValueError) as problem:
            flow.replica.log.failure(flow, problem)
            return 500, {"content-type": "application/json", OUTCOME: "error"}, b'{"outcome":"error"}'
    cause = flow.cause.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
    headers = {"content-type": "application/json", OUTCOME: WORDS[outcome], CAUSE: cause}
    said = {"outcome": WORDS[outcome], "cause": flow.cause}
    if outcome == REJECTED and flow.detail:
        said["detail"] = flow.detail
    return flow.status, headers, json.dumps(said).encode()


def encoded(response: Any) -> bytes:
    """A response's body: a pydantic model, plain data, or nothing."""
    if response is None:
        return b"{}"
    serializer = getattr(type(response), "__pydantic_serializer__", None)
    if serializer is not None:
        body: bytes = serializer.to_json(response)
        return body
    return json.dumps(response, separators=(",", ":")).encode()
