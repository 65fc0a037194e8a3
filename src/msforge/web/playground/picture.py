"""The graph as the page draws it, and which part of the plan each node and arrow stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msforge import diagram
from msforge.diagram.embedded import SCOPED
from msforge.diagram.graph import CALLS, CONSUMES, PUBLISHES, READS
from msforge.model.plan import NONE, System, Verb


@dataclass(frozen=True)
class Picture:
    """The drawn graph (`diagram.embedded`) and what it shows.

    services, stores, channels, sources: id of the node by index in the plan.
    edges: arrow number by index of System.edges; -1 for a call in place.
    entries: arrow number by (source, entry body). reads: by (service, store). publishes: by (service, channel).
    consumes: by (channel, service).
    """

    drawn: dict[str, Any]
    services: tuple[str, ...]
    stores: tuple[str, ...]
    channels: tuple[str, ...]
    sources: tuple[str, ...]
    edges: tuple[int, ...]
    entries: dict[tuple[int, int], int]
    reads: dict[tuple[int, int], int]
    publishes: dict[tuple[int, int], int]
    consumes: dict[tuple[int, int], int]


def picture_of(system: System) -> Picture:
    """The graph of a system, as `msforge graph` has it: services of a large one are drawn together."""
    whole = diagram.graph_of(system)
    graph = diagram.collapsed(whole) if len(whole.nodes) > diagram.LEGIBLE else whole
    drawn = diagram.embedded(graph)
    drawn["svg"] = drawn["svg"].replace(f"<style>{SCOPED}</style>\n", "")  # the page has it in a file
    ids = {(node.kind, name): node.id for node in graph.nodes for name in (*node.members, node.name)}

    def place(id: str) -> str:
        node = whole.node(id)
        return ids.get((node.kind, node.name)) or ids.get(("group", node.name), "")

    arrows = {(a["tail"], a["head"], a["kind"]): number for number, a in enumerate(drawn["arrows"])}

    def arrow(tail: str, head: str, kind: str) -> int:
        return arrows.get((place(tail), place(head), kind), NONE)

    bodies, steps = system.bodies, system.steps
    return Picture(
        drawn=drawn,
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
