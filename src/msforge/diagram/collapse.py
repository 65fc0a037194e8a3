"""A graph too large to read, with services drawn together."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from msforge.diagram.graph import EXTERNAL, FUNCTION, GROUP, SERVICE, Arrow, Graph, Node

LEGIBLE: Final = 60
"""Nodes that a picture may have before services are drawn together."""
_SERVICES: Final = frozenset((SERVICE, EXTERNAL, FUNCTION))


def collapsed(graph: Graph) -> Graph:
    """The graph with its services in groups by the first word of their names; traffic to one group is one node.

    A service whose word nobody shares stays as it is.
    """
    groups = Counter(_word(node.name) for node in graph.nodes if node.kind in _SERVICES)
    ids: dict[str, str] = {}
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        word = _word(node.name)
        if node.kind not in _SERVICES:
            key = f"{node.kind} {word}"
        else:
            key = f"service {word}" if groups[word] > 1 else node.id
        ids[node.id] = key
        members.setdefault(key, []).append(node)
    nodes = tuple(_drawn(key, found) for key, found in members.items())
    known = dict(zip(members, nodes, strict=True))
    arrows: dict[tuple[str, str, str], Arrow] = {}
    for arrow in graph.arrows:
        tail, head = known[ids[arrow.tail]].id, known[ids[arrow.head]].id
        if tail != head:
            made = Arrow(tail, head, arrow.kind, arrow.grpc, [], list(arrow.what))
            arrows.setdefault((tail, head, arrow.kind), made)
    return Graph(graph.name, nodes, tuple(arrows.values()))


def _drawn(key: str, found: list[Node]) -> Node:
    if len(found) == 1:
        return found[0]
    first = found[0]
    kind = GROUP if first.kind in _SERVICES else first.kind
    noun = "services" if kind == GROUP else {"source": "sources", "store": "stores"}.get(kind, f"{kind}s")
    return Node(f"g{first.id}", kind, _word(first.name), f"{len(found)} {noun}", tuple(node.name for node in found))


def _word(name: str) -> str:
    """The first word of a name: `s0` of `s0-017`, `cart` of `cart_writer`."""
    return re.split(r"[-_. ]", name, maxsplit=1)[0] or name
