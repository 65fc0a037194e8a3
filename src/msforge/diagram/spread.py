"""Places on a line that must keep their order and their distances, as near as can be to where they would like to be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def spread(wanted: Sequence[float], apart: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The places with the least sum of weighted squared distances from `wanted`.

    `apart[i]` is the least distance from the place i to the place i + 1; it has one entry fewer. By the pool of
    adjacent violators (Ayer et al., 1955), which is exact.
    """
    heavy = [1.0] * len(wanted) if weights is None else list(weights)
    offsets = list(accumulate(apart, initial=0.0)) if wanted else []
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, offset, weight in zip(wanted, offsets, heavy, strict=True):
        mean, mass, many = place - offset, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, other_mass, other_many = blocks.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, many = mass + other_mass, many + other_many
        blocks.append((mean, mass, many))
    means = [mean for mean, _, many in blocks for _ in range(many)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
