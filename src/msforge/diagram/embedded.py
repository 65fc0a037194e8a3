"""The graph for a page that draws on it: the same picture as the SVG file, and where everything in it stands."""

from __future__ import annotations

import re
from typing import Any, Final

from msforge.diagram.graph import Graph
from msforge.diagram.layout import layout
from msforge.diagram.svg import SHAPES, description, drawn, escape, legend_of, sentence

SCOPED: Final = re.sub(r"(?m)^(?=\.)|(?<=, )(?=\.[^{]*{)", ".graph ", SHAPES)
"""The picture's style, for nothing outside an element of class `graph`."""


def embedded(graph: Graph) -> dict[str, Any]:
    """The picture as JSON holds it.

    `svg` is markup in which every name is escaped: an element of class `graph`, in the page's own colours
    (palette.stylesheet), with a group of class `node` and the node's `id` for each box, and one of class `arrow` for
    each arrow, in the order of `arrows`. `nodes` and `arrows` say what and where they are, in the units of the
    viewBox; a node's `members` are the services that it stands for; an arrow's `tail` and `head` are ids.
    """
    found = layout(graph)
    legend = list(legend_of(graph, found.height - 4))
    height = found.height + (12 if legend else 0)
    svg = [
        f'<svg class="graph" viewBox="0 0 {found.width:g} {height:g}" role="group" '
        'aria-labelledby="graph-title graph-words">',
        f'<title id="graph-title">{escape(f"The system {graph.name}")}</title>',
        f'<desc id="graph-words">{escape(description(graph))}</desc>',
        f"<style>{SCOPED}</style>",
        *drawn(graph, found),
        *legend,
        "</svg>",
    ]
    return {
        "svg": "\n".join(svg),
        "width": found.width,
        "height": height,
        "nodes": [
            {"id": box.node.id, "kind": box.node.kind, "name": box.node.name, "members": list(box.node.members),
             "x": box.x, "y": box.y, "width": box.width, "height": box.height}
            for box in found.boxes
        ],
        "arrows": [
            {"tail": route.arrow.tail, "head": route.arrow.head, "kind": route.arrow.kind,
             "what": route.arrow.what, "words": sentence(graph, route.arrow), "points": route.points}
            for route in found.routes
        ],
    }
