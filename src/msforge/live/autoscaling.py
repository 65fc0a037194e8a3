"""Autoscaling of a running system: a look every 15 s, and replicas that come and go by the simulator's rule."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msforge.policies.autoscaler import PERIOD, Scaling, Use

if TYPE_CHECKING:
    from msforge.live.fleet import Fleet, Place


async def autoscale(fleet: Fleet, service: int) -> None:
    """One service's controller, for as long as the system runs; a change may set it up, or take it away."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    scaling = Scaling()
    turn = 0
    while True:
        turn += 1
        await asyncio.sleep(begun + fleet.seconds(turn * PERIOD) - loop.time())
        plan = fleet.system.services[service]
        if plan.autoscale is None:
            scaling.rest()
            continue
        rule = plan.autoscale
        staying = fleet.staying(plan.name)
        looks = await asyncio.gather(*(fleet.look(place) for place in staying))
        uses = [_use(place, look, rule.metric) for place, look in zip(staying, looks, strict=True)]
        wanted, mean = scaling.look(turn * PERIOD, rule.minimum, rule.maximum, rule.target, uses)
        fleet.resize(plan.name, wanted, f"{rule.metric} {mean:.0%}")


def _use(place: Place, look: dict[str, Any], metric: str) -> Use:
    """What a replica has been busy with; one that has started anew counts from there."""
    key = (place.number, place.downs)
    cores, threads = look.get("cores"), look.get("threads")
    if metric == "cpu" and cores is not None:
        return Use(key, float(cores[0]), float(cores[1]), True)
    if threads is not None:
        return Use(key, float(threads[0]), float(threads[1]), True)
    return Use(key, 0.0, 1.0, False)
