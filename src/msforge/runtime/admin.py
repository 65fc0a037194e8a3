"""The paths by which a replica is watched and run: probes, metrics, and the switches for its faults.

The switches answer to this machine alone.
"""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime.asgi import Receive, Scope, Send, TooLarge, refuse, respond
from msforge.runtime.failures import WORDS
from msforge.runtime.real_parts import RealParts
from msforge.runtime.telemetry import MEDIA_TYPE, exposition

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

PREFIX: Final = "/_msforge/"
PROBES: Final = frozenset(("/livez", "/readyz", "/metrics"))


class Problem(Exception):
    """A request that can't be done, with the status that says so."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Admin:
    """The app behind them. `serves(path)` says whether a path is one of its own."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def serves(self, path: str) -> bool:
        """Whether it answers a path."""
        return path in PROBES or path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        try:
            if path in PROBES:
                return await self._probe(path, send)
            if not _from_here(scope):
                raise Problem(403, "only for clients on this machine")
            answer = await self._do(path, method, await _body(receive) if method in ("PUT", "DELETE") else None)
        except Problem as problem:
            return await respond(send, problem.status, _json({"detail": problem.detail}))
        except TooLarge:
            return await refuse(send, 413, _json({"detail": "the body is too large"}))
        return await respond(send, 200, _json(answer))

    async def _probe(self, path: str, send: Send) -> None:
        replica = self.replica
        if path == "/metrics":
            await replica.ask_parts()
            return await respond(send, 200, exposition(replica.registry), MEDIA_TYPE.encode())
        fine = replica.ready if path == "/readyz" else True
        status = "ready" if replica.ready else "not ready"
        return await respond(
            send, 200 if fine else 503, _json({"status": status if path == "/readyz" else "alive"})
        )

    async def _do(self, path: str, method: str, body: Any) -> Any:
        what, _, rest = path[len(PREFIX):].partition("/")
        if what == "faults":
            return self._faults(method, rest, body)
        if what == "replicas" and method == "PUT":
            return self._replicas(body)
        if what == "addresses" and method == "PUT":
            return self._addresses(body)
        if what == "numbers" and method == "PUT":
            return self._numbers(body)
        if what == "release" and method == "PUT":
            self.replica.release()
            return {"held": False}
        if what == "drain" and method == "PUT":
            self.replica.strays.add(task := asyncio.get_running_loop().create_task(self.replica.drain()))
            task.add_done_callback(self.replica.strays.discard)
            return {"empty": self.replica.empty}
        if what == "state" and method == "GET":
            return state_of(self.replica)
        if what == "channels" and method == "GET":
            parts = self.replica.parts
            return await parts.own_stats() if isinstance(parts, RealParts) else {}
        raise Problem(404, f"no {method} {path} here")

    def _faults(self, method: str, id: str, body: Any) -> Any:
        faults = self.replica.faults
        try:
            if method == "PUT":
                for spec in body if isinstance(body, list) else [body]:
                    faults.set(spec)
            elif method == "DELETE":
                id = id or (body.get("id", "") if isinstance(body, dict) else "")
                faults.clear(id or None)
            elif method != "GET":
                raise Problem(405, "GET, PUT or DELETE")
        except ValueError as problem:
            raise Problem(422, str(problem)) from problem
        except KeyError as problem:
            raise Problem(404, f"no fault {problem.args[0]!r} is on") from problem
        return {"faults": faults.describe()}

    def _numbers(self, body: Any) -> Any:
        if not isinstance(body, dict):
            raise Problem(422, "expected an object: the numbers that differ from the code's")
        try:
            self.replica.adopt(body)
        except ValueError as problem:
            raise Problem(422, str(problem)) from problem
        return {"changed": sorted(body)}

    def _replicas(self, body: Any) -> Any:
        if not isinstance(body, dict) or not all(
            isinstance(urls, list) and all(isinstance(url, str) for url in urls) for urls in body.values()
        ):
            raise Problem(422, "expected an object: for each service a list of URLs")
        for service, urls in body.items():
            self.replica.directory.believe(service, urls)
        return {"services": sorted(body)}

    def _addresses(self, body: Any) -> Any:
        if not isinstance(body, dict) or not all(isinstance(address, str) for address in body.values()):
            raise Problem(422, "expected an object: for each URL of a replica where it takes gRPC")
        self.replica.directory.rpc.update(body)
        return {"addresses": len(body)}


def state_of(replica: Replica) -> dict[str, Any]:
    """What a replica is doing and has done, as plain data."""
    return {
        "service": replica.name, "ordinal": replica.ordinal, "number": replica.number, "ready": replica.ready,
        "now": replica.clock.now(), "busy": replica.admission.busy, "queue": replica.admission.waiting,
        "in_progress": len(replica.active), "paused": replica.processor.paused > 0,
        "empty": replica.empty, "use": replica.use(),
        "outcomes": {
            endpoint: {WORDS[i]: n for i, n in enumerate(served.outcomes) if n}
            for endpoint, served in replica.stats.served.items()
        },
        "calls": {callee: edge.counts() for callee, edge in replica.stats.edges.items()},
        "breakers": [list(change) for change in replica.stats.breaker_changes],
        "sagas": {step: {"undone": undone, "stuck": stuck} for step, (undone, stuck) in replica.stats.sagas.items()},
        "faults": replica.faults.describe(),
    }


async def _body(receive: Receive) -> Any:
    content = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "the body did not come to its end")
        content += message.get("body", b"")
        more = message.get("more_body", False)
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise Problem(400, "the body is not JSON") from problem


def _from_here(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
