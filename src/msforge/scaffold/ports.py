"""The ports of a system that runs: the same rule for the pages that name them and for whoever opens them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from msforge.errors import UsageError

BASE: Final = 8000
"""Where they begin unless `--port-base` says otherwise."""
BLOCK: Final = 10
"""Services begin at multiples of this, so that ports stay when a service gets a replica more."""
HIGHEST: Final = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    """A service's ports: `front` is where people and traffic reach it, its replicas stand behind.

    `rpc_front` and `rpc_replicas` are the same for gRPC: 0 and empty for a service that doesn't speak it.
    """

    service: str
    front: int
    replicas: tuple[int, ...]
    rpc_front: int = 0
    rpc_replicas: tuple[int, ...] = ()


def plan(replicas: Mapping[str, int], base: int = BASE, rpc: Collection[str] = ()) -> list[Ports]:
    """The ports of services with so many replicas each, from `base` on; those in `rpc` speak gRPC as well.

    With `base` 0 all are 0: any that is free. Raises UsageError when there are not enough of them.
    """
    made = []
    at = base
    highest = base
    for service, count in replicas.items():
        speaks = service in rpc
        if base == 0:
            made.append(Ports(service, 0, (0,) * count, 0, (0,) * count if speaks else ()))
            continue
        first = tuple(range(at + 1, at + 1 + count))
        second = at + 1 + count
        behind = tuple(range(second + 1, second + 1 + count)) if speaks else ()
        made.append(Ports(service, at, first, second if speaks else 0, behind))
        taken = (count + 1) * (2 if speaks else 1)
        highest = at + taken - 1
        at += -(-taken // BLOCK) * BLOCK
    if base < 0 or highest > HIGHEST:
        raise UsageError(
            f"{len(made)} services would need the ports {base} to {highest}; there are 1 to {HIGHEST}",
            hint="begin lower with --port-base, or let the system choose with --port-base 0",
        )
    return made
