"""The ports of a system that runs: the same rule for the pages that name them and for whoever opens them."""

from __future__ import annotations

from collections.abc import Mapping
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
    """A service's ports: `front` is where people and traffic reach it, its replicas stand behind."""

    service: str
    front: int
    replicas: tuple[int, ...]


def plan(replicas: Mapping[str, int], base: int = BASE) -> list[Ports]:
    """The ports of services with so many replicas each, from `base` on. With `base` 0 all are 0: any that is free.

    Raises UsageError when there are not enough of them.
    """
    made = []
    at = base
    for service, count in replicas.items():
        if base == 0:
            made.append(Ports(service, 0, (0,) * count))
            continue
        made.append(Ports(service, at, tuple(range(at + 1, at + 1 + count))))
        at += -(-(count + 1) // BLOCK) * BLOCK
    last = made[-1].front + len(made[-1].replicas) if made else base
    if base < 0 or last > HIGHEST:
        raise UsageError(
            f"{len(made)} services would need the ports {base} to {last}; there are 1 to {HIGHEST}",
            hint="begin lower with --port-base, or let the system choose with --port-base 0",
        )
    return made
