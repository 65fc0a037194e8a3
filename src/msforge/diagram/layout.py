"""Where everything stands: boxes in columns from left to right, and the way of each arrow. Lengths in CSS pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from msforge.diagram.graph import QUEUE, TOPIC, Arrow, Graph, Node
from msforge.diagram.layers import Pair, acyclic, columns, ordered
from msforge.diagram.spread import spread

HEIGHT: Final = 46.0
ROW_GAP: Final = 22.0
DUMMY: Final = 12.0
"""The height that a passing arrow takes."""
GAP: Final = 76.0
"""The least distance between columns."""
MARGIN: Final = 20.0
LETTER: Final = 7.9
"""A letter of a name (13 px, semibold), wide enough for all but the widest fonts."""
SMALL: Final = 6.1
"""A letter of a detail or a label (11 px)."""
LONGEST: Final = 30
"""Letters of a name that are shown; the whole is in its title."""
ROUNDS: Final = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: its centre, width and height."""

    node: Node
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """An arrow's way: from its tail's edge over points to its head's edge. `label` is where its words stand."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]
    label: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]


def shown(name: str) -> str:
    """A name as it is drawn."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def label(arrow: Arrow) -> str:
    """An arrow's words: its protocol when it is not HTTP, and its policies; the title has them all."""
    said = ["gRPC"] if arrow.grpc else []
    said += [word for word in arrow.policies if word.startswith(("timeout", "breaker", "fallback", "outbox"))]
    said += [word for word in arrow.policies if word.endswith(("tries", "end"))]
    return " · ".join(said[:3])


def width_of(node: Node) -> float:
    """A box's width."""
    room = 36 if node.kind in (QUEUE, TOPIC) else 26
    return max(72.0, room + LETTER * len(shown(node.name)), room + SMALL * len(shown(node.detail)))


def layout(graph: Graph) -> Layout:
    """Place a graph. The same graph gives the same layout."""
    number = {node.id: i for i, node in enumerate(graph.nodes)}
    arrows = [arrow for arrow in graph.arrows if arrow.tail != arrow.head]
    pairs = list(dict.fromkeys((number[arrow.tail], number[arrow.head]) for arrow in arrows))
    straight = acyclic(len(graph.nodes), pairs)
    column = columns(len(graph.nodes), straight)
    stage = _Stage(graph, column)
    ways = {pair: stage.way(*forward) for pair, forward in zip(pairs, straight, strict=True)}
    stage.place()
    turned = {pair for pair, forward in zip(pairs, straight, strict=True) if pair != forward}
    return stage.drawn(arrows, number, ways, turned)


class _Stage:
    """Columns of boxes and of the points where long arrows pass."""

    def __init__(self, graph: Graph, column: list[int]) -> None:
        self.nodes = graph.nodes
        used = sorted(set(column))
        self.column = [used.index(place) for place in column]
        self.layers: list[list[int]] = [[] for _ in used]
        for vertex, place in enumerate(self.column):
            self.layers[place].append(vertex)
        self.links: list[Pair] = []
        self.y: dict[int, float] = {}
        self.x: list[float] = []
        self.gaps = [GAP] * max(0, len(used) - 1)

    def way(self, tail: int, head: int) -> list[int]:
        """The vertices that an arrow passes, ends included; a point in each column between."""
        vertices = [tail]
        for place in range(self.column[tail] + 1, self.column[head]):
            self.column.append(place)
            point = len(self.column) - 1
            self.layers[place].append(point)
            vertices.append(point)
        vertices.append(head)
        self.links += pairwise(vertices)
        return vertices

    def size(self, vertex: int) -> float:
        """The height that a vertex takes."""
        return HEIGHT if vertex < len(self.nodes) else DUMMY

    def place(self) -> None:
        """Order the columns, then settle every vertex near those it is joined to."""
        self.layers = ordered(self.layers, self.links)
        after: dict[int, list[int]] = {v: [] for layer in self.layers for v in layer}
        before: dict[int, list[int]] = {v: [] for layer in self.layers for v in layer}
        for tail, head in self.links:
            after[tail].append(head)
            before[head].append(tail)
        for layer in self.layers:
            apart = self._apart(layer)
            self._settle(layer, [sum(apart[:i]) for i in range(len(layer))], apart)
        for turn in range(ROUNDS):
            forward = turn % 2 == 0
            for layer in self.layers if forward else reversed(self.layers):
                near = before if forward else after
                wanted = [self._wanted(v, near[v] or [*before[v], *after[v]]) for v in layer]
                self._settle(layer, wanted, self._apart(layer))
        top = min((self.y[v] - self.size(v) / 2 for v in self.y), default=0.0)
        self.y = {v: y - top + MARGIN for v, y in self.y.items()}

    def _apart(self, layer: list[int]) -> list[float]:
        return [
            (self.size(one) + self.size(other)) / 2 + (ROW_GAP if max(one, other) < len(self.nodes) else DUMMY)
            for one, other in pairwise(layer)
        ]

    def _wanted(self, vertex: int, near: list[int]) -> float:
        return median(self.y[other] for other in near) if near else self.y[vertex]

    def _settle(self, layer: list[int], wanted: list[float], apart: list[float]) -> None:
        weights = [1.0 if v < len(self.nodes) else 3.0 for v in layer]  # a long arrow should be straight
        self.y.update(zip(layer, spread(wanted, apart, weights), strict=True))

    # -- drawing -------------------------------------------------------------------------------

    def drawn(
        self, arrows: list[Arrow], number: dict[str, int], ways: dict[Pair, list[int]], turned: set[Pair]
    ) -> Layout:
        """Boxes and routes with their coordinates."""
        for arrow in arrows:
            way = ways[number[arrow.tail], number[arrow.head]]
            behind = self.column[way[0]]
            self.gaps[behind] = max(self.gaps[behind], min(210.0, 34 + SMALL * len(label(arrow))))
        widths = [
            max((width_of(self.nodes[v]) for v in layer if v < len(self.nodes)), default=0.0) for layer in self.layers
        ]
        left = MARGIN
        for width, gap in zip(widths, [*self.gaps, 0.0], strict=True):
            self.x.append(left + width / 2)
            left += width + gap
        boxes = tuple(
            Box(node, self.x[self.column[v]], self.y[v], width_of(node), HEIGHT) for v, node in enumerate(self.nodes)
        )
        routes = _labelled(self._routes(arrows, number, ways, turned, widths))
        bottom = max((self.y[v] + self.size(v) / 2 for v in self.y), default=0.0)
        bottom = max([bottom, *(route.label[1] + 8 for route in routes if route.label is not None)])
        return Layout(round(left + MARGIN, 1), round(bottom + MARGIN, 1), boxes, tuple(routes))

    def _routes(
        self, arrows: list[Arrow], number: dict[str, int], ways: dict[Pair, list[int]], turned: set[Pair],
        widths: list[float],
    ) -> list[Route]:
        ports = self._ports(arrows, number, ways)
        made = []
        for k, arrow in enumerate(arrows):
            pair = number[arrow.tail], number[arrow.head]
            way = ways[pair]
            first, last = way[0], way[-1]
            begin = self.x[self.column[first]] + width_of(self.nodes[first]) / 2
            end = self.x[self.column[last]] - width_of(self.nodes[last]) / 2
            points = [(begin, self.y[first] + ports[k, first])]
            for vertex in way[1:-1]:
                x, half = self.x[self.column[vertex]], widths[self.column[vertex]] / 2
                points += [(x - half, self.y[vertex]), (x + half, self.y[vertex])]
            points.append((end, self.y[last] + ports[k, last]))
            edge = self.x[self.column[first]] + widths[self.column[first]] / 2
            middle = (edge + self.gaps[self.column[first]] / 2, (points[0][1] + points[1][1]) / 2)
            if pair in turned:
                points.reverse()
            made.append(Route(arrow, tuple(points), middle if label(arrow) else None))
        return made

    def _ports(self, arrows: list[Arrow], number: dict[str, int], ways: dict[Pair, list[int]]) -> dict[Pair, float]:
        """How far from the middle of a box each arrow touches it: spread out, in the order of where they go."""
        sides: dict[tuple[int, bool], list[tuple[float, int]]] = {}
        for k, arrow in enumerate(arrows):
            way = ways[number[arrow.tail], number[arrow.head]]
            sides.setdefault((way[0], True), []).append((self.y[way[1]], k))
            sides.setdefault((way[-1], False), []).append((self.y[way[-2]], k))
        ports: dict[Pair, float] = {}
        for (vertex, _), touching in sides.items():
            step = min(9.0, (HEIGHT - 14) / max(1, len(touching) - 1))
            for place, (_, k) in enumerate(sorted(touching)):
                ports[k, vertex] = (place - (len(touching) - 1) / 2) * step
        return ports


def _labelled(routes: list[Route]) -> list[Route]:
    """Labels in one gap are pushed apart."""
    gaps: dict[float, list[int]] = {}
    for i, route in enumerate(routes):
        if route.label is not None:
            gaps.setdefault(round(route.label[0], 3), []).append(i)
    made = list(routes)
    for found in gaps.values():
        found.sort(key=lambda i: (routes[i].label or (0.0, 0.0))[1])
        wanted = [(routes[i].label or (0.0, 0.0))[1] for i in found]
        for i, y in zip(found, spread(wanted, [13.0] * (len(found) - 1)), strict=True):
            x = (routes[i].label or (0.0, 0.0))[0]
            made[i] = Route(routes[i].arrow, routes[i].points, (x, y))
    return made
