"""The graph as Graphviz's DOT."""

from __future__ import annotations

from typing import Final

from msforge.diagram.graph import EXTERNAL, FUNCTION, QUEUE, SOURCE, STORE, TOPIC, Graph, Node
from msforge.diagram.layout import label

SHAPES: Final = {
    SOURCE: "shape=box, style=rounded, peripheries=2", STORE: "shape=cylinder", QUEUE: "shape=cds", TOPIC: "shape=cds",
    EXTERNAL: "shape=box, style=dashed", FUNCTION: "shape=component",
}


def dot(graph: Graph) -> str:
    """Its text: `dot -Tpng` draws it."""
    lines = [f"digraph {quoted(graph.name)} {{", "  rankdir=LR;",
             '  node [fontname="sans-serif", fontsize=11]; edge [fontname="sans-serif", fontsize=9];']
    lines += [f"  {node.id} [label={_label(node)}, {SHAPES.get(node.kind, 'shape=box, style=rounded')}];"
              for node in graph.nodes]
    for arrow in graph.arrows:
        said = [f"label={quoted(label(arrow))}"] if label(arrow) else []
        said += ["style=dashed"] if arrow.asynchronous else []
        style = f" [{', '.join(said)}]" if said else ""
        lines.append(f"  {arrow.tail} -> {arrow.head}{style};")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A DOT string."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(node: Node) -> str:
    name = quoted(node.name)
    return f"{name[:-1]}\\n{quoted(node.detail)[1:]}" if node.detail else name
