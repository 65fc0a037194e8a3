"""Where things stand: no box on another, arrows from box to box, few crossings, the same picture every time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.diagram.graph import CALLS, SERVICE, Arrow, Graph, Node
from msforge.diagram.layers import acyclic, columns, crossings, ordered
from msforge.diagram.layout import Layout, layout
from msforge.diagram.spread import spread


def drawn(count: int, pairs: list[tuple[int, int]], policies: tuple[str, ...] = ()) -> Graph:
    """A graph of services."""
    nodes = tuple(Node(f"s{i}", SERVICE, f"service-{i}", "1 × 16 threads") for i in range(count))
    arrows = tuple(Arrow(f"s{a}", f"s{b}", CALLS, policies=list(policies)) for a, b in dict.fromkeys(pairs))
    return Graph("drawn", nodes, arrows)


@st.composite
def graphs(draw: Any) -> Graph:
    count = draw(st.integers(1, 25))
    ends = st.integers(0, count - 1)
    return drawn(count, draw(st.lists(st.tuples(ends, ends), max_size=60)),
                 draw(st.sampled_from([(), ("timeout 1s",)])))


def overlaps(found: Layout) -> list[tuple[str, str]]:
    """Boxes that lie on each other."""
    return [
        (a.node.id, b.node.id) for a, b in itertools.combinations(found.boxes, 2)
        if abs(a.x - b.x) < (a.width + b.width) / 2 and abs(a.y - b.y) < (a.height + b.height) / 2
    ]


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_boxes_are_apart_and_inside_and_arrows_touch_them(graph: Graph) -> None:
    found = layout(graph)
    assert not overlaps(found)
    places = {box.node.id: box for box in found.boxes}
    for box in found.boxes:
        assert box.x - box.width / 2 >= 0 and box.x + box.width / 2 <= found.width
        assert box.y - box.height / 2 >= 0 and box.y + box.height / 2 <= found.height
    assert len(found.routes) == sum(arrow.tail != arrow.head for arrow in graph.arrows)
    for route in found.routes:
        for end, (x, y) in ((route.arrow.tail, route.points[0]), (route.arrow.head, route.points[-1])):
            box = places[end]
            assert abs(abs(x - box.x) - box.width / 2) < 1e-6 and abs(y - box.y) < box.height / 2
        if route.label is not None:
            assert 0 <= route.label[0] <= found.width and 0 <= route.label[1] <= found.height
    assert layout(graph) == found


@given(st.integers(1, 12).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(
        lambda pair: pair[0] != pair[1]), max_size=30, unique=True))))
def test_columns_lead_from_left_to_right(found: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = found
    straight = acyclic(count, pairs)
    assert [set(pair) for pair in straight] == [set(pair) for pair in pairs]
    column = columns(count, straight)
    assert all(column[tail] < column[head] for tail, head in straight)


def test_only_what_closes_a_circle_is_turned_round() -> None:
    assert acyclic(3, [(0, 1), (1, 2), (2, 0)]) == [(0, 1), (1, 2), (0, 2)]
    assert acyclic(3, [(0, 1), (0, 2), (1, 2)]) == [(0, 1), (0, 2), (1, 2)]


def test_who_nobody_calls_stands_beside_whom_it_calls() -> None:
    assert columns(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_lines_that_need_not_cross_do_not() -> None:
    layers, links = [[0, 1, 2], [3, 4, 5]], [(0, 5), (1, 4), (2, 3)]
    after = {v: [head for tail, head in links if tail == v] for v in range(6)}
    assert crossings(layers, after) == 3
    assert crossings(ordered(layers, links), after) == 0


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_ordering_never_makes_more_crossings(graph: Graph) -> None:
    count = len(graph.nodes)
    pairs = [(int(a.tail[1:]), int(a.head[1:])) for a in graph.arrows if a.tail != a.head]
    column = columns(count, acyclic(count, pairs))
    layers = [[v for v in range(count) if column[v] == place] for place in sorted(set(column))]
    links = [(t, h) for t, h in acyclic(count, pairs) if column[h] == column[t] + 1]
    after = {v: [head for tail, head in links if tail == v] for v in range(count)}
    made = ordered(layers, links)
    assert [sorted(layer) for layer in made] == [sorted(layer) for layer in layers]
    assert crossings(made, after) <= crossings(layers, after)


@pytest.mark.parametrize(("wanted", "apart", "expected"), [
    ([0, 10, 20], [5, 5], [0, 10, 20]),
    ([0, 0], [10], [-5, 5]),
    ([5, 5, 5], [2, 2], [3, 5, 7]),
    ([10, 0], [0], [5, 5]),
    ([], [], []),
])
def test_places_are_spread(wanted: list[float], apart: list[float], expected: list[float]) -> None:
    assert spread(wanted, apart) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 10), st.floats(0.5, 5)), min_size=1, max_size=8),
       st.lists(st.floats(-3, 3), min_size=8, max_size=8))
def test_no_other_places_are_nearer(given_: list[tuple[float, float, float]], moves: list[float]) -> None:
    wanted, apart, weights = [g[0] for g in given_], [g[1] for g in given_][1:], [g[2] for g in given_]
    found = spread(wanted, apart, weights)

    def cost(places: list[float]) -> float:
        return sum(w * (p - q) ** 2 for p, q, w in zip(places, wanted, weights, strict=True))

    assert all(b - a >= d - 1e-9 for a, b, d in zip(found, found[1:], apart, strict=False))
    other = [p + m for p, m in zip(found, moves, strict=False)]
    for i, distance in enumerate(apart):
        other[i + 1] = max(other[i + 1], other[i] + distance)
    assert cost(found) <= cost(other) + 1e-6


def test_two_hundred_services_are_laid_out() -> None:
    pairs = [((i - 1) // 3, i) for i in range(1, 200)] + [(i, (i * 7 + 3) % 200) for i in range(0, 200, 5)]
    found = layout(drawn(200, pairs))
    assert not overlaps(found) and len(found.boxes) == 200
