"""A replica's requests to others: over HTTP or gRPC, with the network's latency and its faults."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key
from msforge.policies.sampling import duration
from msforge.runtime.failures import DEGRADED, RESET, cause_of
from msforge.runtime.place import Place, encode, purpose_key
from msforge.runtime.plan import Call
from msforge.runtime.wire import (
    CANCEL,
    CAUSE,
    DRAW,
    IDEMPOTENCY_KEY,
    OUTCOME,
    PRIORITY,
    ROOT,
    TIMEOUT_HEADER,
    TRACEPARENT,
    ZONE,
    outcome_of,
)

if TYPE_CHECKING:
    from msforge.runtime.calls import Calling
    from msforge.runtime.flow import Flow
    from msforge.runtime.replica import Replica

KEPT_ALIVE: Final = 4.0
"""Seconds an idle connection is kept: below the 5 s after which uvicorn closes it."""
URLS_KEPT: Final = 1024
BODILESS: Final = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
NO_BODY: Final[dict[str, Any]] = {}


class Answer:
    """How a try ended. `wire` is the emulated time (ns) on the network."""

    __slots__ = ("body", "cause", "outcome", "wire")

    def __init__(self, outcome: int, cause: str = "", body: dict[str, Any] | None = None, wire: int = 0) -> None:
        self.outcome = outcome
        self.cause = cause
        self.body: dict[str, Any] = {} if body is None else body
        self.wire = wire


class Try:
    """One try of a call, from when it is sent. `flow` is set when it runs in place. `over`: nobody waits for it."""

    __slots__ = ("alarm", "balancer", "calling", "context", "flow", "over", "task", "url")

    def __init__(self, context: int) -> None:
        self.context = context
        self.balancer: Any = None
        self.url = ""
        self.flow: Flow | None = None
        self.task: asyncio.Task[Answer] | None = None
        self.alarm: asyncio.TimerHandle | None = None
        self.calling: Calling | None = None
        self.over = False

    def ended(self, task: asyncio.Task[Answer]) -> None:
        """Its task is done: hand the answer to whoever waits for it."""
        if task.cancelled():
            return
        problem = task.exception()
        if self.over or self.calling is None:
            return
        if problem is not None:  # a mistake in the runtime itself: the caller must not wait for ever
            flow = self.calling.flow
            flow.replica.log.failure(flow, problem)
            self.calling.answered(self, Answer(RESET, cause_of(self.calling.call.service, RESET)))
        elif task.result() is not LOST:
            self.calling.answered(self, task.result())


LOST: Final = Answer(RESET)
"""What was swallowed by the network: no answer ever comes."""


class Transport:
    """Sends a replica's tries. One session for the replica; a subclass may carry them in another way.

    `rpc` (an RpcClient) is set by the service's app when it calls anything over gRPC.
    """

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.adopt(replica.service.latency)
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        self.rpc: Any = None

    def adopt(self, latency: Dist) -> None:
        """The network's latency (ns) of a hop from now on."""
        self.latency = latency
        self.instant = latency.kind == "constant" and latency.params[0] <= 0

    async def start(self) -> None:
        """Open the session."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False, skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )
        session._retry_connection = False  # aiohttp would repeat a GET by itself; tries are the policies' affair
        self._session = session

    async def close(self) -> None:
        """Close the session, and the connections under way with it."""
        if self.rpc is not None:
            await self.rpc.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def direct(self, call: Call, flow: Flow) -> bool:
        """Whether a call without policies needs no task of its own: stopping its caller would only hang up."""
        return self.instant and flow.cancel == "none" and not self.replica.faults.links

    # -- a try -----------------------------------------------------------------------------

    async def exchange(self, sent: Try, calling: Calling) -> Answer:
        """One try over the network: its answer, or LOST."""
        replica = self.replica
        call = calling.call
        place = Place(calling.key, sent.context, calling.place.number, calling.flow)
        there = self._hop(place, sent.url, call.service, "there")
        if there < 0:
            return await self._lost(sent)
        await replica.clock.sleep(there)
        try:
            status, headers, content = await self.send(sent, calling, self._headers(sent, calling))
        except (TimeoutError, aiohttp.ClientError, OSError):
            answer = Answer(RESET, cause_of(call.service, RESET))
        else:
            outcome = outcome_of(status, headers.get(OUTCOME))
            answer = Answer(outcome)
            if outcome <= DEGRADED:
                answer.body = decoded(content)
            else:
                answer.cause = headers.get(CAUSE) or cause_of(call.service, outcome)
        back = self._hop(place, sent.url, call.service, "back")
        if back < 0:
            return await self._lost(sent)
        await replica.clock.sleep(back)
        answer.wire = there + back
        return answer

    async def send(
        self, sent: Try, calling: Calling, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The exchange itself, over HTTP or gRPC: status, headers and body of the answer."""
        if calling.call.rpc is not None and self.rpc is not None:
            address = self.replica.directory.rpc_address(sent.url)
            if address is not None:
                answer: tuple[int, Mapping[str, str], bytes] = await self.rpc.send(
                    address, calling.call.rpc, calling.request or NO_BODY, headers
                )
                return answer
        session = self._session
        if session is None:
            raise ConnectionResetError("the replica is not running")
        target, data = self.request_of(calling)
        if data is not None:
            headers["content-type"] = "application/json"
        async with session.request(
            calling.call.method, self._url(sent.url + target), data=data, headers=headers, allow_redirects=False
        ) as response:
            return response.status, response.headers, await response.read()

    def request_of(self, calling: Calling) -> tuple[str, bytes | None]:
        """Path with query, and body, of a call's request."""
        call = calling.call
        fields = calling.request
        path = call.path
        if "{" in path:
            path, fields = _filled(path, fields or NO_BODY, calling.place.number)
        if fields is None:
            return path, None
        if call.method in BODILESS:
            return (path + "?" + urlencode(fields, doseq=True) if fields else path), None
        return path, json.dumps(fields, separators=(",", ":")).encode()

    def cancel(self, sent: Try, calling: Calling) -> None:
        """Hang up, one latency from now: the callee acts as the request's header said."""
        if sent.task is None:
            return
        key = purpose_key(calling.key, "cancel", "time")
        self.replica.clock.later(duration(self.latency, key, calling.place.number, sent.context), sent.task.cancel)

    # -- pieces ----------------------------------------------------------------------------

    def _headers(self, sent: Try, calling: Calling) -> dict[str, str]:
        call = calling.call
        flow = calling.flow
        number = calling.place.number
        headers = {DRAW: encode(calling.key, number, sent.context), TRACEPARENT: flow.trace}
        if calling.deadline >= 0:
            headers[TIMEOUT_HEADER] = str(max(0, calling.deadline - self.replica.clock.now()))
        cancel = call.cancel if call.cancel != "none" else "all" if flow.cancel == "all" else ""
        if cancel:
            headers[CANCEL] = cancel
        if call.priority != 1:
            headers[PRIORITY] = str(call.priority)
        if flow.root:
            headers[ROOT] = flow.root
        replica = self.replica
        if replica.zone and replica.service.zone_latency is not None and sent.url not in replica.directory.zones:
            headers[ZONE] = quote(replica.zone)
        if call.method not in BODILESS:
            headers[IDEMPOTENCY_KEY] = encode(calling.key, number, calling.context)
        return headers

    def _hop(self, place: Place, url: str, service: str, way: str) -> int:
        """The time (ns) of one hop; -1 when what is sent never arrives."""
        replica = self.replica
        latency = 0
        if not self.instant:
            latency = duration(self.latency, child_key(place.key, "@" + way), place.number, place.context)
        if replica.zone and replica.service.zone_latency is not None:
            other = replica.directory.zones.get(url, replica.zone)
            if other not in ("", replica.zone):
                latency += place.duration(f"zone {way}", "time", replica.service.zone_latency)
        if replica.faults.links:
            return replica.faults.hop(service, place, latency, back=way == "back")
        return latency

    async def _lost(self, sent: Try) -> Answer:
        if sent.task is None:  # in its caller's own task: wait until that is stopped
            await asyncio.get_running_loop().create_future()
        return LOST

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= URLS_KEPT:
                self._urls.clear()
            url = self._urls[text] = URL(text, encoded=True)
        return url


def decoded(content: bytes) -> dict[str, Any]:
    """A body's fields; none when it is not a JSON object."""
    if not content or content == b"{}":
        return {}
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"value": found}


def _filled(path: str, fields: Mapping[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    """A path with its `{parameters}` from the fields (the request's number for one that is missing), and the rest."""
    rest = dict(fields)
    filled = PARAMETER.sub(lambda found: quote(str(fields.get(found[1], number)), safe=""), path)
    for name in PARAMETER.findall(path):
        rest.pop(name, None)
    return filled, rest
