"""Which column a node stands in, and in which order: Sugiyama's method, the same for the same graph on every machine.

Cycles are cut by turning round the arrows that close them (depth first, in the given order); columns by longest paths;
the order by sweeps of medians, kept where fewer lines cross (Gansner et al., A Technique for Drawing Directed Graphs,
1993).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise
from statistics import median
from typing import Final

SWEEPS: Final = 24
Pair = tuple[int, int]


def acyclic(count: int, pairs: list[Pair]) -> list[Pair]:
    """The pairs with those turned round that close a cycle."""
    after: list[list[int]] = [[] for _ in range(count)]
    for tail, head in pairs:
        after[tail].append(head)
    state = [0] * count  # 0 new, 1 open, 2 done
    turned: set[Pair] = set()
    has_one_before = {head for _, head in pairs}
    for root in [*(v for v in range(count) if v not in has_one_before), *range(count)]:
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(after[root]))]
        while stack:
            vertex, rest = stack[-1]
            for head in rest:
                if state[head] == 1:
                    turned.add((vertex, head))
                elif not state[head]:
                    state[head] = 1
                    stack.append((head, iter(after[head])))
                    break
            else:
                state[vertex] = 2
                stack.pop()
    return [(head, tail) if (tail, head) in turned else (tail, head) for tail, head in pairs]


def columns(count: int, pairs: list[Pair]) -> list[int]:
    """Each vertex's column: the longest way to it; one that nothing leads to stands just before what it leads to."""
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for tail, head in pairs:
        after[tail].append(head)
        waiting[head] += 1
    roots = [v for v in range(count) if not waiting[v]]
    column = [0] * count
    ready = list(roots)
    for vertex in ready:
        for head in after[vertex]:
            column[head] = max(column[head], column[vertex] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    for root in roots:
        if after[root]:
            column[root] = min(column[head] for head in after[root]) - 1
    return column


def ordered(layers: list[list[int]], links: list[Pair]) -> list[list[int]]:
    """The layers with few crossings. `links` join a layer's vertices to the next one's."""
    before: dict[int, list[int]] = {v: [] for layer in layers for v in layer}
    after: dict[int, list[int]] = {v: [] for layer in layers for v in layer}
    for tail, head in links:
        after[tail].append(head)
        before[head].append(tail)
    best = [list(layer) for layer in layers]
    fewest = crossings(best, after)
    now = [list(layer) for layer in best]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        span = range(1, len(now)) if forward else range(len(now) - 2, -1, -1)
        for i in span:
            fixed = now[i - 1] if forward else now[i + 1]
            place = {v: p for p, v in enumerate(fixed)}
            towards = before if forward else after
            now[i] = _by_median(now[i], {v: [place[w] for w in towards[v]] for v in now[i]})
        _swap_neighbours(now, before, after)
        found = crossings(now, after)
        if found < fewest:
            fewest, best = found, [list(layer) for layer in now]
    return best


def crossings(layers: list[list[int]], after: dict[int, list[int]]) -> int:
    """How many lines cross between all neighbouring layers."""
    total = 0
    for layer, following in pairwise(layers):
        place = {v: p for p, v in enumerate(following)}
        seen: list[int] = []
        for vertex in layer:
            ends = sorted(place[w] for w in after[vertex])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _by_median(layer: list[int], places: dict[int, list[int]]) -> list[int]:
    """Sorted by the medians of their neighbours; who has none stays where it is."""
    free = [v for v in layer if places[v]]
    free.sort(key=lambda v: median(places[v]))
    following = iter(free)
    return [next(following) if places[v] else v for v in layer]


def _swap_neighbours(layers: list[list[int]], before: dict[int, list[int]], after: dict[int, list[int]]) -> None:
    """Swap two that stand side by side where fewer of their lines cross then."""
    for i, layer in enumerate(layers):
        sides = []
        if i:
            sides.append(({v: p for p, v in enumerate(layers[i - 1])}, before))
        if i + 1 < len(layers):
            sides.append(({v: p for p, v in enumerate(layers[i + 1])}, after))
        for k in range(len(layer) - 1):
            one, other = layer[k], layer[k + 1]
            as_is = swapped = 0
            for place, links in sides:
                ours, theirs = [place[w] for w in links[one]], [place[w] for w in links[other]]
                as_is += sum(a > b for a in ours for b in theirs)
                swapped += sum(b > a for a in ours for b in theirs)
            if swapped < as_is:
                layer[k], layer[k + 1] = other, one
