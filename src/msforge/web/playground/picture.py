"""The graph as the page draws it: places, ways and words; and which part of the plan each node and arrow stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msforge import diagram
from msforge.diagram.graph import CALLS, CONSUMES, PUBLISHES, READS, Graph
from msforge.diagram.layout import label, shown
from msforge.diagram.svg import description, path, sentence
from msforge.model.plan import NONE, System, Verb


@dataclass(frozen=True)
class Picture:
    """The drawn graph and what it shows.

    services, stores, channels, sources: node number by index in the plan.
    edges: arrow number by index of System.edges; -1 for a call in place.
    entries: arrow number by (source, entry body). reads: by (service, store). publishes: by (service, channel).
    consumes: by (channel, service).
    """

    graph: Graph
    services: tuple[int, ...]
    stores: tuple[int, ...]
    channels: tuple[int, ...]
    sources: tuple[int, ...]
    edges: tuple[int, ...]
    entries: dict[tuple[int, int], int]
    reads: dict[tuple[int, int], int]
    publishes: dict[tuple[int, int], int]
    consumes: dict[tuple[int, int], int]


def picture_of(system: System) -> Picture:
    """The graph of a system, as `msforge graph` has it: services of a large one are drawn together."""
    graph = diagram.graph_of(system)
    if len(graph.nodes) > diagram.LEGIBLE:
        graph = diagram.collapsed(graph)
    nodes: dict[str, int] = {}
    for number, node in enumerate(graph.nodes):
        nodes[node.id] = number
        for name in node.members:
            nodes[f"{node.kind} {name}"] = number
    whole = diagram.graph_of(system)

    def place(id: str) -> int:
        if id in nodes:
            return nodes[id]
        node = whole.node(id)
        return nodes.get(f"{node.kind} {node.name}", nodes.get(f"group {node.name}", NONE))

    arrows = {(nodes[a.tail], nodes[a.head], a.kind): number for number, a in enumerate(graph.arrows)}

    def arrow(tail: str, head: str, kind: str) -> int:
        return arrows.get((place(tail), place(head), kind), NONE)

    bodies, steps = system.bodies, system.steps
    return Picture(
        graph=graph,
        services=tuple(place(f"s{s.index}") for s in system.services),
        stores=tuple(place(f"d{s.index}") for s in system.stores),
        channels=tuple(place(f"c{c.index}") for c in system.channels),
        sources=tuple(place(f"t{s.index}") for s in system.sources),
        edges=tuple(
            NONE if e.local else arrow(f"s{bodies[e.caller].service}", f"s{bodies[e.callee].service}", CALLS)
            for e in system.edges
        ),
        entries={
            (source.index, body.index): arrow(f"t{source.index}", f"s{body.service}", CALLS)
            for source in system.sources for body in bodies
        },
        reads={
            (step.service, store): arrow(f"s{step.service}", f"d{store}", READS)
            for step in steps if step.verb in (Verb.READ, Verb.WRITE)
            for store in (step.target, *((step.cache.store,) if step.cache is not None else ()))
        },
        publishes={
            (step.service, step.target): arrow(f"s{step.service}", f"c{step.target}", PUBLISHES)
            for step in steps if step.verb is Verb.PUBLISH
        },
        consumes={
            (c.channel, c.service): arrow(f"c{c.channel}", f"s{c.service}", CONSUMES) for c in system.consumers
        },
    )


def drawn(picture: Picture) -> dict[str, Any]:
    """The picture as the page takes it. Lengths are in CSS pixels."""
    graph = picture.graph
    placed = diagram.layout(graph)
    number = {node.id: i for i, node in enumerate(graph.nodes)}
    ways = {(r.arrow.tail, r.arrow.head, r.arrow.kind): r for r in placed.routes}
    return {
        "width": placed.width, "height": placed.height, "said": description(graph),
        "nodes": [
            {
                "kind": box.node.kind, "name": box.node.name, "shown": shown(box.node.name), "detail": box.node.detail,
                "x": round(box.x, 1), "y": round(box.y, 1), "width": round(box.width, 1), "height": box.height,
            }
            for box in placed.boxes
        ],
        "arrows": [
            {
                "tail": number[arrow.tail], "head": number[arrow.head], "kind": arrow.kind,
                "waits": not arrow.asynchronous, "said": sentence(graph, arrow), "label": label(arrow),
                "way": path(route.points) if route is not None else "",
                "at": list(route.label) if route is not None and route.label is not None else None,
            }
            for arrow in graph.arrows
            for route in (ways.get((arrow.tail, arrow.head, arrow.kind)),)
        ],
    }
