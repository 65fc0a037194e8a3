"""Where the services are that a replica calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msforge.runtime.balancer import Balancer


class Directory:
    """A balancer for each called service; by a replica's URL, its zone where zones matter and its address for gRPC.

    A host hands in balancers that several replicas share; anything with a Balancer's methods does.
    """

    __slots__ = ("balancers", "rpc", "zones")

    def __init__(
        self, balancers: Mapping[str, Any] | None = None, zones: Mapping[str, str] | None = None,
        rpc: dict[str, str] | None = None,
    ) -> None:
        self.balancers: dict[str, Any] = dict(balancers or {})
        self.zones: Mapping[str, str] = zones if zones is not None else {}  # the host's own: it learns as it goes
        self.rpc: dict[str, str] = rpc if rpc is not None else {}

    def rpc_address(self, url: str) -> str | None:
        """Where the replica at `url` takes gRPC. `*` stands for every other URL: its host, at that port (":9000")."""
        found = self.rpc.get(url)
        if found is None and "*" in self.rpc:
            return f"{url.partition('://')[2].rpartition(':')[0]}{self.rpc['*']}"
        return found

    def of(self, service: str) -> Any:
        """The balancer of a service; one that knows of no replica when nobody said where they are."""
        found = self.balancers.get(service)
        if found is None:
            found = self.balancers[service] = Balancer()
        return found

    def believe(self, service: str, urls: Sequence[str]) -> None:
        """Take these replicas of a service for ready."""
        self.of(service).believe(urls)
