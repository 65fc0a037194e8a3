"""The order of what a request did: one after the other, or at once, told from how its parts overlap.

Two parts that overlap in more than a few requests run in parallel; else the one that mostly comes first goes before the
other. From these relations a tree of sequences and parallels is made, as far as there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from msforge.draft.seen import Item, Target, Visit

Slot = tuple[str, Target, int]
"""Kind, target, and its how-manieth in the request."""
OVERLAP: Final = 0.05  # share of requests in which two parts may overlap and still be one after the other
TOLERANCE: Final = 2_000  # ns
LOOKED_AT: Final = 200
WORK: Final = 200_000  # comparisons of pairs, at most
DEEPEST: Final = 28  # sequences and parallels in one another: with all around them, the language allows no more


@dataclass
class Leaf:
    """One part."""

    slot: Slot


@dataclass
class Series:
    """One after the other."""

    parts: list[Node] = field(default_factory=list)


@dataclass
class Parallel:
    """All at once. `doubtful`: no tree fits what was seen, or only too deep a one."""

    parts: list[Node] = field(default_factory=list)
    doubtful: bool = False


Node = Leaf | Series | Parallel
Slots = dict[Slot, Item]


def slots_of(visit: Visit) -> Slots:
    """A visit's parts, numbered per target."""
    counts: dict[tuple[str, Target], int] = {}
    found: Slots = {}
    for item in visit.items:
        number = counts[item.label] = counts.get(item.label, -1) + 1
        found[(*item.label, number)] = item
    return found


def slots_within(node: Node) -> list[Slot]:
    """The slots of a tree."""
    return [node.slot] if isinstance(node, Leaf) else [slot for part in node.parts for slot in slots_within(part)]


def order(visits: Sequence[Slots]) -> Series:
    """The tree of requests that all did the same."""
    slots = list(visits[0])
    if not slots:
        return Series()
    most = max(5, min(LOOKED_AT, WORK * 2 // max(1, len(slots) * (len(slots) - 1))))
    found = _Order(slots, visits[:most]).tree(slots)
    return found if isinstance(found, Series) else Series([found])


class _Order:
    def __init__(self, slots: Sequence[Slot], visits: Sequence[Slots]) -> None:
        self.before: set[tuple[Slot, Slot]] = set()
        self.starts = {slot: median(visit[slot].begin - _start(visit) for visit in visits) for slot in slots}
        for i, a in enumerate(slots):
            for b in slots[i + 1 :]:
                self._relate(a, b, visits)

    def _relate(self, a: Slot, b: Slot, visits: Sequence[Slots]) -> None:
        overlaps = first = 0
        for visit in visits:
            x, y = visit[a], visit[b]
            if x.end <= y.begin + TOLERANCE and x.begin <= y.begin:
                first += 1
            elif not (y.end <= x.begin + TOLERANCE):
                overlaps += 1
        if overlaps <= OVERLAP * len(visits):
            self.before.add((a, b) if 2 * first >= len(visits) - overlaps else (b, a))

    def tree(self, slots: list[Slot], depth: int = 0) -> Node:
        """The tree of some of them, `depth` below the whole's."""
        if len(slots) == 1:
            return Leaf(slots[0])
        if depth == DEEPEST:
            return Parallel([Leaf(slot) for slot in slots], doubtful=True)
        groups = self._components(slots, together=lambda a, b: not self._related(a, b))
        groups.sort(key=lambda group: min(self.starts[slot] for slot in group))
        groups = self._consistent(groups)
        if len(groups) > 1:
            return Series([self.tree(group, depth + 1) for group in groups])
        branches = self._components(slots, together=self._related)
        if len(branches) > 1:
            branches.sort(key=lambda group: slots.index(group[0]))
            return Parallel([self.tree(branch, depth + 1) for branch in branches])
        return Parallel([Leaf(slot) for slot in slots], doubtful=True)

    def _related(self, a: Slot, b: Slot) -> bool:
        return (a, b) in self.before or (b, a) in self.before

    def _consistent(self, groups: list[list[Slot]]) -> list[list[Slot]]:
        """Groups one after the other: those that are not wholly in order are one."""
        found: list[list[Slot]] = []
        for group in groups:
            while found and not all((a, b) in self.before for a in found[-1] for b in group):
                group = found.pop() + group
            found.append(group)
        return found

    @staticmethod
    def _components(slots: list[Slot], together: object) -> list[list[Slot]]:
        """The connected parts of the graph in which `together` says who is joined."""
        assert callable(together)
        left = dict.fromkeys(slots)
        found: list[list[Slot]] = []
        while left:
            first = next(iter(left))
            del left[first]
            group, at = [first], 0
            while at < len(group):
                near = [slot for slot in left if together(group[at], slot)]
                for slot in near:
                    del left[slot]
                group += near
                at += 1
            found.append(sorted(group, key=slots.index))
        return found


def _start(visit: Slots) -> int:
    return min(item.begin for item in visit.values())
