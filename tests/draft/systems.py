"""What is common to the tests of drafts: systems told apart by what happens in them, and traces of the examples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msforge
from msforge.model import compile_system
from msforge.model.plan import Step, System, Verb
from msforge.results import Result
from msforge.spec import load, load_text

EXAMPLES = Path(__file__).parents[2] / "examples"
CALM = {
    "shop": ("traffic.shoppers.stages=null", "traffic.shoppers.rate=5/s", "simulation.duration=80s"),
    "shop-monolith": ("traffic.shoppers.stages=null", "traffic.shoppers.rate=5/s", "simulation.duration=80s"),
    "boutique": ("traffic.shoppers.users=40", "simulation.duration=90s"),
    "sock-shop": (
        "traffic.browsers.rate=8/s", "traffic.buyers.rate=2/s", "traffic.browsers.for=50s", "traffic.buyers.for=50s",
    ),
    "fan-out": ("traffic.people.rate=1/s", "traffic.people.for=15s", "simulation.warmup=1s"),
    "flight-booking": ("traffic.travellers.rate=8/s",),
    "retry-storm": ("traffic.visitors.rate=5/s", "faults=[]"),
    "thousand": (
        *(f"traffic.to-s0-{number:03}.rate=10/s" for number in range(10)), "simulation.duration=0.3s",
        "simulation.warmup=0.1s",
    ),
}
"""Each example at a load at which next to nothing waits: service times are then what the spans show."""
COUNT = {"fan-out": 12, "thousand": 8}


def plan(name: str) -> System:
    """An example as the tests run it."""
    return compile_system(load(EXAMPLES / name / f"{name}.yaml", sets=CALM[name]))


@cache
def run(name: str) -> Result:
    """A run of it with a random sample of traces."""
    return msforge.simulate(
        EXAMPLES / name / f"{name}.yaml", sets=CALM[name], replications=1, processes=1, traces=True,
        sample=COUNT.get(name, 300),
    )


def drafted(text: str) -> System:
    """The plan of a draft."""
    return compile_system(load_text(text))


def shape(system: System, block: tuple[int, ...]) -> tuple[Any, ...]:
    """What a block does, without how long it takes: repeats written out, the branches of a parallel in any order."""
    return tuple(part for index in block for part in _parts(system, system.steps[index]))


def _parts(system: System, step: Step) -> Iterator[Any]:
    if step.verb == Verb.CALL:
        yield "call", system.body_name(step.target)
    elif step.verb in (Verb.READ, Verb.WRITE):
        yield step.verb.name.lower(), system.stores[step.target].name
    elif step.verb == Verb.PUBLISH:
        yield "publish", system.channels[step.target].name
    elif step.verb == Verb.PARALLEL:
        branches = [shape(system, block) for block in step.blocks for _ in range(step.copies)]
        if len(branches) == 1:
            yield from branches[0]
        else:
            yield "parallel", *sorted(branches)
    elif step.verb == Verb.REPEAT:
        assert step.dist is not None
        yield from shape(system, step.blocks[0]) * round(step.dist.mean)
    elif step.verb == Verb.GROUP:
        yield from shape(system, step.blocks[0])
    elif step.verb == Verb.SAGA:
        for do in step.blocks[0::2]:
            yield from shape(system, do)
    elif step.verb == Verb.CHOOSE:
        yield "choose", *sorted(shape(system, block) for block in step.blocks)


def shapes(system: System) -> dict[str, tuple[Any, ...]]:
    """The shape of every endpoint and consumer."""
    return {system.body_name(body.index): shape(system, body.block) for body in system.bodies}


def own_time(system: System, name: str) -> tuple[float, float]:
    """Mean and variance (ns) of the work and waiting in an endpoint's own steps, at the top and in repeats."""
    body = next(body for body in system.bodies if system.body_name(body.index) == name)
    mean = variance = 0.0
    for index in body.block:
        step = system.steps[index]
        if step.verb in (Verb.WORK, Verb.WAIT) and step.dist is not None:
            mean += step.dist.mean
            variance += step.dist.variance
    return mean, variance
