"""A replica's requests over gRPC: one channel for each address it calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime.plan import Method
from msforge.runtime.rpc_channels import Channels
from msforge.runtime.rpc_schema import codecs
from msforge.runtime.rpc_wire import BROKEN, STATUS, library, number_of, texts
from msforge.runtime.wire import OUTCOME, TIMEOUT_HEADER

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

SLACK: Final = 0.05
"""Seconds that the wire's own deadline is later than the caller's, which ends the call first."""


class RpcClient:
    """Sends tries to addresses ("127.0.0.1:9001")."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._channels = Channels()
        self._calls: dict[tuple[str, str], Any] = {}

    async def send(
        self, address: str, method: Method, fields: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One exchange, told as over HTTP: status, headers, JSON body. Raises ConnectionResetError when it breaks."""
        grpc = library()

        request, response = codecs(method)
        try:
            content = request.encode(fields)
        except ValueError as problem:
            return 400, {OUTCOME: "rejected"}, json.dumps({"detail": str(problem)}).encode()
        ask = await self._call(address, method)
        left = headers.get(TIMEOUT_HEADER)
        timeout = None if left is None else self.replica.clock.seconds(int(left)) + SLACK
        call = ask(content, metadata=tuple(headers.items()), timeout=timeout)
        try:
            answer = await call
            said = texts(await call.trailing_metadata())
        except grpc.aio.AioRpcError as problem:
            number, said = number_of(problem.code()), texts(problem.trailing_metadata())
            if number in BROKEN and OUTCOME not in said:
                raise ConnectionResetError(problem.details()) from problem
            return STATUS.get(number, 500), said, b""
        try:
            return 200, said, json.dumps(response.decode(answer)).encode()
        except ValueError:
            return 500, {OUTCOME: "error"}, b""

    async def _call(self, address: str, method: Method) -> Any:
        channel, key = await self._channels.to(address), (address, method.name)
        found = self._calls.get(key)
        if found is None:
            found = self._calls[key] = channel.unary_unary(f"/{method.name}")
        return found

    async def close(self) -> None:
        """Close the channels, and the requests under way with them."""
        self._calls.clear()
        await self._channels.close()
