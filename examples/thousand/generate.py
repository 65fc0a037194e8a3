"""Writes thousand.yaml: a thousand services in six layers, each asking about three of the next.

    python generate.py > thousand.yaml

Every service is reached and the graph has no cycle. The same seed gives the same file on every
platform: only `random.Random.random` is used, whose sequence Python promises not to change.
"""

from __future__ import annotations

import random
import sys
from itertools import pairwise

LAYERS = (10, 25, 75, 210, 310, 370)
FAN_OUT = (1, 2, 3, 4, 5)  # drawn evenly: three on average
RATE = 50  # requests a second at each service of the first layer
SEED = 2026

HEAD = """\
# A thousand services, written by generate.py. Not for reading: for seeing whether msforge keeps up.
msforge: 1
name: thousand

defaults:
  services: {{replicas: 2}}

network: {{latency: 0.5ms}}

simulation: {{warmup: 0.2s, duration: 1s, seed: 1, replications: 1}}

traffic:
{traffic}

services:
{services}"""


def graph(dice: random.Random) -> dict[str, list[str]]:
    """Who calls whom, by name; those of the last layer call nobody."""
    names = [[f"s{layer}-{number:03}" for number in range(size)] for layer, size in enumerate(LAYERS)]
    calls: dict[str, list[str]] = {name: [] for layer in names for name in layer}
    for callers, callees in pairwise(names):
        wanted = shuffled([name for name in callers for _ in range(FAN_OUT[int(dice.random() * len(FAN_OUT))])], dice)
        # Deal every callee out once before any of them is dealt a second time.
        deck: list[str] = []
        for caller in wanted:
            if all(name in calls[caller] for name in deck):
                deck += shuffled(callees, dice)
            callee = next(name for name in deck if name not in calls[caller])
            deck.remove(callee)
            calls[caller].append(callee)
    return calls


def shuffled(items: list[str], dice: random.Random) -> list[str]:
    """The items in a random order."""
    return [item for _, item in sorted((dice.random(), item) for item in items)]


def written(name: str, callees: list[str]) -> str:
    """A service as YAML. A layer waits a second longer than the one it calls."""
    patience = len(LAYERS) - 1 - int(name[1])
    calls = "".join(f"              - {{call: {callee}.ask, timeout: {patience}s}}\n" for callee in callees)
    return (
        f"  {name}:\n    endpoints:\n      ask:\n        steps:\n          - work: exponential(1ms)\n"
        + (f"          - parallel:\n{calls}" if calls else "")
    )


def main() -> None:
    """Write the whole file to standard output."""
    calls = graph(random.Random(SEED))
    first = [name for name in calls if name.startswith("s0-")]
    traffic = "\n".join(f"  to-{name}: {{target: {name}.ask, rate: {RATE}/s}}" for name in first)
    services = "".join(written(name, callees) for name, callees in calls.items())
    sys.stdout.reconfigure(newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(HEAD.format(traffic=traffic, services=services))


if __name__ == "__main__":
    main()
