"""Serving gRPC beside HTTP: the same admission, handlers and outcomes, on a port of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime.asgi import CONNECTION, Connection
from msforge.runtime.failures import DEGRADED, REJECTED, WORDS
from msforge.runtime.plan import Method
from msforge.runtime.replica import Endpoint
from msforge.runtime.rpc_schema import Codec, codecs
from msforge.runtime.rpc_wire import ALONE, CODE, code_of, library, texts
from msforge.runtime.serve import serve
from msforge.runtime.wire import CANCEL, CAUSE, OUTCOME, OUTCOME_OF, TIMEOUT_HEADER

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

WAIT: Final = 3.0
"""Seconds to wait for a port that its last server is about to leave."""
YEARS: Final = 1e8
"""Seconds from which a deadline is none."""


class RpcServer:
    """The gRPC side of one replica: `methods` by the name of their endpoint, served at `host`:`port`."""

    def __init__(self, replica: Replica, methods: Mapping[str, Method], host: str, port: int) -> None:
        self.replica = replica
        self.methods = dict(methods)
        self.address = f"{host}:{port}"
        self._server: Any = None
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises RuntimeError when the port is taken, or the package `grpcio` is missing."""
        try:
            grpc = library()
        except ImportError as problem:
            raise RuntimeError("gRPC needs the package grpcio: pip install grpcio") from problem
        end = asyncio.get_running_loop().time() + WAIT
        while True:
            server = grpc.aio.server(options=[*ALONE, ("grpc.max_receive_message_length", self._most())])
            server.add_generic_rpc_handlers(tuple(self._handlers()))
            try:
                server.add_insecure_port(self.address)
                break
            except RuntimeError as problem:
                if asyncio.get_running_loop().time() > end:
                    raise RuntimeError(f"gRPC cannot listen at {self.address}: is the port taken?") from problem
            await asyncio.sleep(0.05)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Let what is served end, then close."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)
        if self._ending:
            await asyncio.wait(self._ending)

    def crash(self) -> None:
        """Close at once; callers see their connection break."""
        server, self._server = self._server, None
        if server is not None:
            task = asyncio.get_running_loop().create_task(server.stop(None))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _most(self) -> int:
        return self.replica.service.max_body

    def _handlers(self) -> list[Any]:
        grpc = library()

        services: dict[str, dict[str, Any]] = {}
        for endpoint, method in self.methods.items():
            service, _, name = method.name.rpartition("/")
            act = _Served(self.replica, endpoint, method)
            services.setdefault(service, {})[name] = grpc.unary_unary_rpc_method_handler(act.serve)
        return [grpc.method_handlers_generic_handler(service, found) for service, found in services.items()]


class _Served:
    """One method of one replica."""

    def __init__(self, replica: Replica, endpoint: str, method: Method) -> None:
        self.replica = replica
        self.endpoint = endpoint
        self.request: Codec
        self.request, self.response = codecs(method)

    async def serve(self, content: bytes, context: Any) -> bytes:
        """One request. What ends it early on this side is the caller's hanging up."""
        headers = texts(context.invocation_metadata())
        left = context.time_remaining()
        if TIMEOUT_HEADER not in headers and left is not None and left < YEARS:
            headers[TIMEOUT_HEADER] = str(round(max(0.0, left) * 1e9 / self.replica.clock.seconds(1_000_000_000)))
        found: Endpoint = self.replica.handlers[self.endpoint]
        try:
            request: Any = self.request.decode(content)
            if found.model is not None:
                request = found.model.model_validate(request)
        except ValueError as problem:
            return await _refuse(context, {OUTCOME: WORDS[REJECTED]}, str(problem))
        connection = Connection() if CANCEL in headers else None
        CONNECTION.set(connection)
        work = asyncio.ensure_future(
            serve(self.replica, self.endpoint, found.flow_class, found.handler, headers, request)
        )
        self.replica.exchanges.add(work)  # the caller may be gone before it is done
        work.add_done_callback(self.replica.exchanges.discard)
        try:
            _, said, body = await asyncio.shield(work)
        except asyncio.CancelledError:
            if connection is not None:
                connection.hung_up()
            raise
        if OUTCOME_OF[said[OUTCOME]] > DEGRADED:
            return await _refuse(context, said, body.decode("utf-8", "replace"))
        context.set_trailing_metadata(((OUTCOME, said[OUTCOME]),))
        try:
            answer = json.loads(body)
            return self.response.encode(answer if isinstance(answer, dict) else {"value": answer})
        except ValueError as problem:
            return await _refuse(context, {OUTCOME: "error"}, f"the answer does not fit its message: {problem}")


async def _refuse(context: Any, said: Mapping[str, str], detail: str) -> bytes:
    code = code_of(CODE[OUTCOME_OF[said[OUTCOME]]])
    metadata = tuple((name, said[name]) for name in (OUTCOME, CAUSE) if said.get(name))
    await context.abort(code, detail, metadata)
    raise AssertionError("abort ends the request")
