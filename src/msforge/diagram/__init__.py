"""System -> pictures: one graph, one layout, drawn as SVG, Mermaid, Graphviz's DOT or text."""

from collections.abc import Callable
from typing import Final

from msforge.diagram.collapse import LEGIBLE, collapsed
from msforge.diagram.dot import dot
from msforge.diagram.embedded import embedded
from msforge.diagram.graph import Graph, graph_of
from msforge.diagram.layout import Layout, layout
from msforge.diagram.mermaid import mermaid
from msforge.diagram.svg import svg
from msforge.diagram.text import text

FORMATS: Final[dict[str, Callable[[Graph], str]]] = {"svg": svg, "mermaid": mermaid, "dot": dot, "text": text}
"""What a graph can be drawn as."""

__all__ = [
    "FORMATS", "LEGIBLE", "Graph", "Layout", "collapsed", "dot", "embedded", "graph_of", "layout", "mermaid", "svg",
    "text",
]
