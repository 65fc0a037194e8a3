"""One gRPC channel to each address that is called."""

from __future__ import annotations

import asyncio
from typing import Any

from msforge.runtime.rpc_wire import NO_RETRIES, library


class Channels:
    """Channels by address ("127.0.0.1:9001"), made when they are asked for."""

    def __init__(self) -> None:
        self._channels: dict[str, tuple[Any, asyncio.Lock]] = {}

    async def to(self, address: str) -> Any:
        """The channel to an address, connected, or failing to.

        Who asks while it connects goes on in the order of asking: gRPC sends what waits for a connection in any order.
        """
        grpc = library()

        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address, options=NO_RETRIES), asyncio.Lock()
        channel, turn = self._channels[address]
        on_the_way = (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING)
        async with turn:
            while (state := channel.get_state(try_to_connect=True)) in on_the_way:
                await channel.wait_for_state_change(state)
        return channel

    async def close(self) -> None:
        """Close them, and the requests under way with them."""
        channels = [channel for channel, _ in self._channels.values()]
        self._channels.clear()
        for channel in channels:
            await channel.close(None)
