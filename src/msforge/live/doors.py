"""The addresses of a system: a socket for every port, and who stands behind it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from msforge.live import ports
from msforge.live.ports import HOST
from msforge.live.proxy import Front
from msforge.model.plan import System
from msforge.runtime.balancer import Balancer
from msforge.scaffold.ports import plan


def url_of(port: int) -> str:
    """The URL of a loopback port."""
    return f"http://{HOST}:{port}"


@dataclass(slots=True)
class Doors:
    """`replicas` are the ports of each service's replicas, `front` the one where people and traffic reach it.

    `sockets` are bound and wait for whoever listens on them.
    """

    replicas: dict[str, list[int]] = field(default_factory=dict)
    front: dict[str, int] = field(default_factory=dict)
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    fronts: list[Front] = field(default_factory=list)

    def urls(self) -> dict[str, str]:
        """Where each service is reached."""
        return {service: url_of(port) for service, port in self.front.items()}

    def replica_urls(self) -> dict[str, list[str]]:
        """Where each service's replicas are reached, in the order of their ordinals."""
        return {service: [url_of(port) for port in numbers] for service, numbers in self.replicas.items()}

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

    async def close(self) -> None:
        """Close whatever is still open."""
        for front in self.fronts:
            await front.close()
        for sock in self.sockets.values():
            sock.close()
        self.sockets.clear()


def open_doors(system: System, base: int) -> Doors:
    """Binds every port of a system; from `base` on, or any with 0. Raises ConflictError naming those taken."""
    planned = plan({service.name: service.replicas for service in system.services}, base)
    wanted = []
    for of_service in planned:
        wanted.append((of_service.service, of_service.front))
        wanted += [(f"{of_service.service}.{i}", port) for i, port in enumerate(of_service.replicas)]
    sockets = iter(ports.bind_all(wanted))
    doors = Doors()
    for of_service in planned:
        bound = [next(sockets) for _ in range(1 + len(of_service.replicas))]
        numbers = [sock.getsockname()[1] for sock in bound]
        doors.sockets.update(zip(numbers, bound, strict=True))
        doors.front[of_service.service] = numbers[0]
        doors.replicas[of_service.service] = numbers[1:]
    return doors
