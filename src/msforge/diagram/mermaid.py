"""The graph as Mermaid, which code hosts draw in a README."""

from __future__ import annotations

from typing import Final

from msforge.diagram.graph import EXTERNAL, QUEUE, READS, SOURCE, STORE, TOPIC, Graph, Node
from msforge.diagram.layout import label

SHAPES: Final = {
    SOURCE: ('(["', '"])'), STORE: ('[("', '")]'), QUEUE: ('[/"', '"/]'), TOPIC: ('[/"', '"/]'),
    EXTERNAL: ('[["', '"]]'),
}


def mermaid(graph: Graph) -> str:
    """Its text, without a line end."""
    lines = ["graph LR", *(f"  {_node(node)}" for node in graph.nodes)]
    for arrow in graph.arrows:
        words = _clean(label(arrow))
        if arrow.asynchronous:
            words = "dead letters" if arrow.kind == "dead letters" else words
            line = f"-. {words} .->" if words else "-.->"
        elif arrow.kind == READS:
            line = "---"
        else:
            line = f'-->|"{words}"|' if words else "-->"
        lines.append(f"  {arrow.tail} {line} {arrow.head}")
    return "\n".join(lines)


def _node(node: Node) -> str:
    begin, end = SHAPES.get(node.kind, ('["', '"]'))
    return f"{node.id}{begin}{_clean(node.name)}{end}"


def _clean(text: str) -> str:
    """Text in which nothing is Mermaid's or HTML's."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    for sign, code in (("#", "#35;"), ("&", "#38;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        kept = kept.replace(sign, code)
    return kept
