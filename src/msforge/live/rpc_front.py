"""A service's door for gRPC: picks a replica for each request by the balancer of its HTTP door, and passes bytes on.

A balancer of connections would not do: a gRPC client keeps one connection, and all its requests would go to one
replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msforge.live.proxy import Balancing, chance
from msforge.runtime.rpc_channels import Channels
from msforge.runtime.rpc_wire import ALONE, library

UNAVAILABLE: Final = (("x-msforge-outcome", "unavailable"),)


class RpcFront:
    """Serves every method. `addresses`: where the replica of an HTTP URL takes gRPC."""

    def __init__(self, balancer: Balancing, addresses: Mapping[str, str]) -> None:
        self.balancer = balancer
        self.addresses = addresses
        self._channels = Channels()
        self._server: Any = None

    async def listen(self, address: str) -> None:
        """Serve there. Raises RuntimeError when that can't be."""
        grpc = library()

        self._server = grpc.aio.server(options=ALONE)
        self._server.add_generic_rpc_handlers((_Any(self),))
        self._server.add_insecure_port(address)
        await self._server.start()

    async def close(self) -> None:
        """Close, and what is under way with it."""
        if self._server is not None:
            await self._server.stop(None)
        await self._channels.close()

    async def pass_on(self, method: str, content: bytes, context: Any) -> bytes:
        """One request to one replica."""
        grpc = library()

        metadata = [(key, value) for key, value in context.invocation_metadata() or () if not key.startswith("grpc-")]
        draw = next((value for key, value in metadata if key == "x-msforge-draw"), "")
        url = self.balancer.pick(lambda: chance(draw.encode()))
        if url is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no replica", UNAVAILABLE)
        assert url is not None
        self.balancer.sent(url)
        try:
            channel = await self._channels.to(self.addresses[url])
            call = channel.unary_unary(method)(
                content, metadata=[item for item in metadata if item[0] != "user-agent"],
                timeout=context.time_remaining(),
            )
            answer: bytes = await call
            context.set_trailing_metadata(await call.trailing_metadata())
        except grpc.aio.AioRpcError as problem:
            await context.abort(problem.code(), problem.details() or "", tuple(problem.trailing_metadata() or ()))
        finally:
            self.balancer.settled(url)
        return answer


class _Any:
    """A `grpc.GenericRpcHandler` for whatever is asked (the class itself would import grpc for everybody)."""

    def __init__(self, front: RpcFront) -> None:
        self.front = front

    def service(self, details: Any) -> Any:
        """How a method is handled: all alike, as bytes."""
        grpc = library()

        async def handle(content: bytes, context: Any) -> bytes:
            return await self.front.pass_on(details.method, content, context)

        return grpc.unary_unary_rpc_method_handler(handle)
