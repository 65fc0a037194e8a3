"""The graph as text: for a terminal, a screen reader, a diff."""

from __future__ import annotations

from msforge.diagram.graph import CONSUMES, Arrow, Graph, Node


def text(graph: Graph) -> str:
    """Each node with where its arrows go, a line each; `->` waits for an answer, `~>` does not."""
    nodes = {node.id: node for node in graph.nodes}
    lines = []
    for node in graph.nodes:
        lines.append(f"{_clean(node.name)}  {_about(node)}")
        lines += [f"  {_line(nodes, arrow)}" for arrow in graph.arrows if arrow.tail == node.id]
    return "\n".join(lines) + "\n"


def _about(node: Node) -> str:
    kind = {"external": "service", "group": "services"}.get(node.kind, node.kind)
    return f"({kind}, {_clean(node.detail)})" if node.detail and node.detail != kind else f"({kind})"


def _line(nodes: dict[str, Node], arrow: Arrow) -> str:
    sign = "~>" if arrow.asynchronous else "->"
    what = [] if arrow.kind == CONSUMES else arrow.what
    listed = ", ".join([*map(_clean, what[:6]), *(["…"] if len(what) > 6 else [])])
    said = f"{sign} {_clean(nodes[arrow.head].name)}" + (f" ({listed})" if listed else "")
    more = (["gRPC"] if arrow.grpc else []) + arrow.policies
    return said + (f": {', '.join(more)}" if more else "")


def _clean(said: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in said)
