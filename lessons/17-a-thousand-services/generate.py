"""Writes start.yaml: a gateway, and a thousand services in six layers behind it, each asking about three of the next.

    python generate.py > start.yaml

Every service is reached and no chain of calls goes round. The same seed gives the same file on every
platform: only `random.Random.random` is used, whose sequence Python promises not to change.
"""

from __future__ import annotations

import random
import sys
from itertools import pairwise

LAYERS = (10, 25, 75, 210, 310, 370)
FAN_OUT = (1, 2, 3, 4, 5)  # drawn evenly: three on average
SEED = 2026
VICTIM = 146  # four of the ten pages lead to it

HEAD = """\
# A thousand services behind a gateway, written by generate.py. Not for reading: you can't, and that is the point.
# A page asks one of the first ten (s0-...); each service asks about three of the next layer, at the same time.
# Each of them fails once in a thousand times, whatever the reason.
msforge: 1
name: thousand

defaults:
  services: {{replicas: 2, threads: 32, instance: {{cost: 0.04/h}}}}
  calls: {{timeout: 2s}}           # holds for every call in this file: a rule, not a thousand changes

network: {{latency: 0.5ms}}

traffic:
  visitors: {{target: gateway.page, rate: 20/s, for: 1s}}

simulation: {{warmup: 0s, duration: 3s}}

scenarios:
  down:                          # one service of a thousand is broken
    faults: [{{fail: s5-{victim:03}, at: 0s}}]

services:
  gateway:
    threads: unlimited
    endpoints: {{page: {{http: GET /, steps: [call: pages.any]}}}}
  pages:
    threads: unlimited
    endpoints:
      any:
        http: GET /
        steps:
          - choose:              # ten kinds of pages, each as likely
{pages}
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
    """A service as one line of YAML."""
    asks = ", ".join(f"call: {callee}.ask" for callee in callees)
    steps = "work: exponential(1ms)" + (f", parallel: [{asks}]" if asks else "") + ", fail: 0.1%"
    return f"  {name}: {{endpoints: {{ask: {{http: GET /, steps: [{steps}]}}}}}}\n"


def main() -> None:
    """Write the whole file to standard output."""
    calls = graph(random.Random(SEED))
    pages = "\n".join(
        f"              - {{weight: 10, steps: [call: {name}.ask]}}" for name in calls if name.startswith("s0-")
    )
    services = "".join(written(name, callees) for name, callees in calls.items())
    sys.stdout.reconfigure(newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(HEAD.format(pages=pages, services=services, victim=VICTIM))


if __name__ == "__main__":
    main()
