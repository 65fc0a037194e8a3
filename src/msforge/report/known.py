"""What the plan and the data of a Result say of the names in its traces."""

from __future__ import annotations

from msforge.model.plan import Body, System
from msforge.results import Result
from msforge.results.pack import unpack_plan


class Known:
    """What the plan and the data say of the names in a trace."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.system: System | None = unpack_plan(result.plan) if result.plan is not None else None
        self.bodies: dict[str, Body] = {}
        self.stores: dict[str, str] = {}
        self.brokers: dict[str, str] = {}
        self.from_channel: dict[str, str] = {}
        if self.system is not None:
            self._learn(self.system)
        self.ordinals: dict[tuple[int, int], int] = {
            (data["replication"], row[0]): row[2] for data in result.data or () for row in data["replicas"]
        }

    def _learn(self, system: System) -> None:
        self.bodies = {system.body_name(body.index): body for body in system.bodies}
        self.stores = {store.name: store.kind for store in system.stores}
        self.brokers = {channel.name: channel.broker for channel in system.channels}
        for consumer in system.consumers:
            self.from_channel[system.body_name(consumer.body)] = system.channels[consumer.channel].name

    def asked(self, target: str) -> tuple[str, str, str]:
        """HTTP's and gRPC's words for `service.endpoint`, and the endpoint."""
        endpoint = target.partition(".")[2]
        body = self.bodies.get(target)
        return (body.http, body.grpc, endpoint) if body is not None else ("", "", endpoint)
