"""The addresses of a system: a socket for every port, and who stands behind it."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from msforge.live import ports
from msforge.live.ports import HOST
from msforge.live.proxy import Front
from msforge.live.rpc_front import RpcFront
from msforge.model.plan import System
from msforge.runtime.balancer import Balancer
from msforge.scaffold.plans import started
from msforge.scaffold.ports import plan


def url_of(port: int) -> str:
    """The URL of a loopback port."""
    return f"http://{HOST}:{port}"


def speaks_grpc() -> bool:
    """Whether the packages for gRPC are installed (`msforge[grpc]`)."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in ("grpc", "google.protobuf"))
    except ModuleNotFoundError:  # there is not even a package `google`
        return False


def address_of(port: int) -> str:
    """The address of a loopback port, as gRPC wants it."""
    return f"{HOST}:{port}"


@dataclass(slots=True)
class Doors:
    """`replicas` are the ports of each service's replicas, `front` the one where people and traffic reach it.

    `rpc_replicas` and `rpc_front` are the same for gRPC, of services that speak it. `sockets` are bound and wait for
    whoever listens on them.
    """

    replicas: dict[str, list[int]] = field(default_factory=dict)
    front: dict[str, int] = field(default_factory=dict)
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    fronts: list[Front] = field(default_factory=list)
    rpc_replicas: dict[str, list[int]] = field(default_factory=dict)
    rpc_front: dict[str, int] = field(default_factory=dict)
    rpc_fronts: list[RpcFront] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    """By the URL of a replica or a front, where it takes gRPC; grows with the replicas."""

    def urls(self) -> dict[str, str]:
        """Where each service is reached."""
        return {service: url_of(port) for service, port in self.front.items()}

    def replica_urls(self) -> dict[str, list[str]]:
        """Where each service's replicas are reached, in the order of their ordinals."""
        return {service: [url_of(port) for port in numbers] for service, numbers in self.replicas.items()}

    def port_of(self, service: str, ordinal: int) -> int:
        """A replica's port; those that come while the system runs get any that is free. Raises OSError."""
        ports_of = self.replicas[service]
        while len(ports_of) <= ordinal:
            ports_of.append(self._bind_any())
            if service in self.rpc_replicas:
                self.rpc_replicas[service].append(self._bind_any())
                self._takes_grpc(ports_of[-1], self.rpc_replicas[service][-1])
        return ports_of[ordinal]

    def _takes_grpc(self, port: int, rpc_port: int) -> None:
        self.addresses[url_of(port)] = address_of(rpc_port)

    def _bind_any(self) -> int:
        sock = ports.bind(0)
        port: int = sock.getsockname()[1]
        self.sockets[port] = sock
        return port

    def take(self, port: int) -> socket.socket:
        """The socket of a port, bound anew when its last listener died. Raises OSError."""
        return self.sockets.pop(port, None) or ports.bind(port)

    def release(self, port: int) -> None:
        """Leave a port to another process."""
        sock = self.sockets.pop(port, None)
        if sock is not None:
            sock.close()

    async def open_fronts(self, balancers: dict[str, Balancer]) -> None:
        """Listen in front of every service."""
        for service, port in self.front.items():
            front = Front(service, balancers[service])
            await front.listen(self.sockets.pop(port))
            self.fronts.append(front)
        for service, port in self.rpc_front.items():
            self.release(port)
            rpc_front = RpcFront(balancers[service], self.addresses)
            self.rpc_fronts.append(rpc_front)
            await rpc_front.listen(address_of(port))

    async def close(self) -> None:
        """Close whatever is still open."""
        for front in self.fronts:
            await front.close()
        for rpc_front in self.rpc_fronts:
            await rpc_front.close()
        for sock in self.sockets.values():
            sock.close()
        self.sockets.clear()


def open_doors(system: System, base: int) -> Doors:
    """Binds every port of a system; from `base` on, or any with 0. Raises ConflictError naming those taken."""
    rpc = system.speaking_grpc() if speaks_grpc() else ()
    planned = plan({service.name: started(service) for service in system.services}, base, system.speaking_grpc())
    wanted = []
    for of_service in planned:
        name = of_service.service
        wanted.append((name, of_service.front))
        wanted += [(f"{name}.{i}", port) for i, port in enumerate(of_service.replicas)]
        if name in rpc:
            wanted.append((f"{name} (gRPC)", of_service.rpc_front))
            wanted += [(f"{name}.{i} (gRPC)", port) for i, port in enumerate(of_service.rpc_replicas)]
    sockets = iter(ports.bind_all(wanted))
    doors = Doors()
    for of_service in planned:
        name = of_service.service
        doors.front[name], *doors.replicas[name] = _bound(doors, sockets, 1 + len(of_service.replicas))
        if name in rpc:
            doors.rpc_front[name], *doors.rpc_replicas[name] = _bound(doors, sockets, 1 + len(of_service.rpc_replicas))
            doors._takes_grpc(doors.front[name], doors.rpc_front[name])
            for port, rpc_port in zip(doors.replicas[name], doors.rpc_replicas[name], strict=True):
                doors._takes_grpc(port, rpc_port)
    return doors


def _bound(doors: Doors, sockets: Iterator[socket.socket], count: int) -> list[int]:
    """The port numbers of the next sockets."""
    bound = [next(sockets) for _ in range(count)]
    numbers = [sock.getsockname()[1] for sock in bound]
    doors.sockets.update(zip(numbers, bound, strict=True))
    return numbers
