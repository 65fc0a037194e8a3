"""Names to indices, in the order in which the description writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msforge.model.plan import NONE
from msforge.spec.schema_system import SystemModel


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where everything that has a name stands in its table. Bodies are keyed `service.endpoint`."""

    services: Mapping[str, int]
    bodies: Mapping[str, int]
    consumers: Mapping[str, int]
    stores: Mapping[str, int]
    channels: Mapping[str, int]
    zones: Mapping[str, int]
    sources: Mapping[str, int]
    implied: tuple[str, ...]
    """Dead-letter channels that nobody declared; they come after the declared ones."""

    def zone(self, name: str | None) -> int:
        """The index of a zone, or NONE."""
        return NONE if name is None else self.zones[name]


def lookup(model: SystemModel, zones: Iterable[str] = ()) -> Lookup:
    """The indices of everything in `model`. `zones` that have an index already keep it."""
    bodies: dict[str, int] = {}
    consumers: dict[str, int] = {}
    for service, written in model.services.items():
        for endpoint in written.endpoints:
            bodies[f"{service}.{endpoint}"] = len(bodies)
        for consumer in written.consumers:
            consumers[f"{service}.{consumer}"] = len(consumers)
            bodies[f"{service}.{consumer}"] = len(bodies)
    channels = dict.fromkeys(model.channels)
    implied = tuple(dict.fromkeys(
        channel.dead_letter for channel in model.channels.values()
        if channel.dead_letter is not None and channel.dead_letter not in channels
    ))
    return Lookup(
        services=_numbered(model.services),
        bodies=bodies,
        consumers=consumers,
        stores=_numbered(model.stores),
        channels=_numbered((*channels, *implied)),
        zones=_numbered(dict.fromkeys((*zones, *_zones(model)))),
        sources=_numbered(model.traffic),
        implied=implied,
    )


def _zones(model: SystemModel) -> Iterable[str]:
    found: dict[str, None] = {}
    for service in model.services.values():
        found.update(dict.fromkeys(service.zones))
    placed = [store.zone for store in model.stores.values()] + [channel.zone for channel in model.channels.values()]
    found.update(dict.fromkeys(zone for zone in placed if zone is not None))
    return found


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}
