"""The graph as one SVG file that needs nothing else: crisp at any size, light and dark, readable to a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape as escape_text
from xml.sax.saxutils import quoteattr

from msforge.diagram.graph import (
    ASYNCHRONOUS,
    CALLS,
    EXTERNAL,
    FUNCTION,
    GROUP,
    QUEUE,
    READS,
    SOURCE,
    STORE,
    TOPIC,
    Arrow,
    Graph,
)
from msforge.diagram.layout import MARGIN, SMALL, Box, Layout, Route, label, layout, shown
from msforge.diagram.palette import DARK, LIGHT, variables

FONT: Final = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
COLOURS: Final = f"""\
svg {{ {variables(LIGHT)} background: var(--ground); font-family: {FONT}; }}
@media (prefers-color-scheme: dark) {{ svg {{ {variables(DARK)} }} }}
@media print {{ svg {{ {variables(LIGHT)} }} }}
"""
SHAPES: Final = """\
.box { fill: var(--box); stroke: var(--box-line); stroke-width: 1.5; }
.source .box { fill: var(--traffic); stroke: var(--traffic-line); }
.store .box { fill: var(--store); stroke: var(--store-line); }
.queue .box, .topic .box { fill: var(--channel); stroke: var(--channel-line); }
.external .box { fill: var(--outside); stroke: var(--outside-line); stroke-dasharray: 5 3; }
.name { fill: var(--ink); font-size: 13px; font-weight: 600; }
.detail, .label { fill: var(--quiet); font-size: 11px; }
.name, .detail, .label { text-anchor: middle; }
.legend { text-anchor: start; }
.label { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
.way { fill: none; stroke: var(--line); stroke-width: 1.5; }
.tip { fill: var(--line); stroke: none; }
.waits-not .way { stroke: var(--channel-line); stroke-dasharray: 6 4; }
.waits-not .tip { fill: var(--channel-line); }
.reads .way { stroke: var(--store-line); stroke-width: 1.2; }
.reads .tip { fill: var(--store-line); }
.node:focus { outline: none; }
.node:focus .box, .node:hover .box { stroke-width: 3; }
.arrow:hover .way { stroke-width: 3; }
"""
WORDS: Final = {SOURCE: "traffic", FUNCTION: "function", EXTERNAL: "third party", STORE: "store", QUEUE: "queue",
                TOPIC: "topic", GROUP: "services"}


def svg(graph: Graph, placed: Layout | None = None) -> str:
    """The picture. `placed` is the graph's layout when it is known already."""
    found = layout(graph) if placed is None else placed
    title = f"The system {graph.name}"
    legend = list(legend_of(graph, found.height - 4))
    height = found.height + (12 if legend else 0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(found.width)} {_n(height)}" '
        f'width="{_n(found.width)}" height="{_n(height)}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description(graph))}</desc>',
        f"<style>{COLOURS}{SHAPES}</style>",
        *drawn(graph, found),
        *legend,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def drawn(graph: Graph, found: Layout) -> Iterator[str]:
    """Arrows, boxes and labels, in the order in which they lie on each other."""
    for route in found.routes:
        yield from _arrow(graph, route)
    for box in found.boxes:
        yield from _node(graph, box)
    for route in found.routes:  # above every line
        if route.label is not None:
            yield _text("label", route.label[0], route.label[1] + 3.5, label(route.arrow))


def escape(text: str) -> str:
    """Text as it may stand in XML; characters that XML has no place for are left out."""
    return escape_text(_clean(text))


def _clean(text: str) -> str:
    return "".join(c for c in text if c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")


def description(graph: Graph) -> str:
    """The graph in words, for who does not see it."""
    names = {node.id: node.name for node in graph.nodes}
    said: dict[str, list[str]] = {}
    for arrow in graph.arrows:
        said.setdefault(names[arrow.tail], []).append(f"{arrow.kind} {names[arrow.head]}")
    return ". ".join(f"{tail} {', '.join(parts)}" for tail, parts in said.items())


def sentence(graph: Graph, arrow: Arrow) -> str:
    """An arrow in words."""
    names = {node.id: node.name for node in graph.nodes}
    said = f"{names[arrow.tail]} {arrow.kind} {names[arrow.head]}"
    said += f" ({', '.join(arrow.what[:12])})" if arrow.what else ""
    said += " over gRPC" if arrow.grpc else ""
    return said + (f": {', '.join(arrow.policies)}" if arrow.policies else "")


def _arrow(graph: Graph, route: Route) -> Iterator[str]:
    kind = "waits-not" if route.arrow.asynchronous else route.arrow.kind.replace(" ", "-")
    yield f'<g class="arrow {kind}"><title>{escape(sentence(graph, route.arrow))}</title>'
    yield f'<path class="way" d="{path(route.points)}"/>'
    yield _tip(route)
    yield "</g>"


def legend_of(graph: Graph, y: float) -> Iterator[str]:
    """What the lines mean, for those that there are."""
    kinds = {arrow.kind for arrow in graph.arrows}
    said = [("calls", "waits for an answer")] if CALLS in kinds else []
    said += [("waits-not", "sends a message")] if kinds & ASYNCHRONOUS else []
    said += [("reads", "reads or writes")] if READS in kinds else []
    x = MARGIN
    for kind, words in said:
        yield f'<g class="arrow {kind}"><path class="way" d="M{_n(x)} {_n(y)}h26"/>'
        yield f'<path class="tip" d="M{_n(x + 34)} {_n(y)}l-8 -4v8z"/>'
        yield _text("detail legend", x + 40, y + 3.5, words) + "</g>"
        x += 58 + SMALL * len(words)


def path(points: tuple[tuple[float, float], ...]) -> str:
    """A smooth way through points, level at each of them."""
    (x, y), *rest = points
    said = [f"M{_n(x)} {_n(y)}"]
    for to_x, to_y in rest:
        if abs(to_y - y) < 0.05:
            said.append(f"H{_n(to_x)}")
        else:
            half = (x + to_x) / 2
            said.append(f"C{_n(half)} {_n(y)} {_n(half)} {_n(to_y)} {_n(to_x)} {_n(to_y)}")
        x, y = to_x, to_y
    return "".join(said)


def _tip(route: Route) -> str:
    (before, _), (x, y) = route.points[-2], route.points[-1]
    back = -8 if x >= before else 8
    return f'<path class="tip" d="M{_n(x)} {_n(y)}l{back} -4v8z"/>'


def _node(graph: Graph, box: Box) -> Iterator[str]:
    node = box.node
    kind = "service" if node.kind == GROUP else node.kind
    what = WORDS.get(node.kind, "service")
    said = f"{node.name}, {what}" + (f", {node.detail}" if node.detail and node.detail != what else "")
    said += f": {', '.join(node.members[:40])}" if node.members else ""
    yield f'<g class="node {kind}" id="{node.id}" tabindex="0" role="img" aria-label={quoteattr(_clean(said))}>'
    yield f"<title>{escape(said)}</title>"
    yield from _shape(box)
    lift = 0 if node.kind != STORE else 4
    x = box.x if node.kind not in (QUEUE, TOPIC) else box.x + 5
    name_y = box.y + lift + (-2 if node.detail else 4.5)
    yield _text("name", x, name_y, shown(node.name))
    if node.detail:
        yield _text("detail", x, box.y + lift + 13, shown(node.detail))
    yield "</g>"


def _shape(box: Box) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    width, height = box.width, box.height
    match box.node.kind:
        case "source":
            yield _rect(left, top, width, height, height / 2)
        case "store":
            half, side = _n(width / 2), _n(height - 8)
            lid = f"a{half} 4 0 0 0 {_n(-width)} 0a{half} 4 0 0 0 {_n(width)} 0"
            body = f"M{_n(left)} {_n(top + 4)}v{side}a{half} 4 0 0 0 {_n(width)} 0v-{side}"
            yield f'<path class="box" d="{body}{lid}"/>'
        case "queue" | "topic":
            half, side = _n(height / 2), _n(width - 14)
            lid = f"a7 {half} 0 0 1 0 {_n(-height)}a7 {half} 0 0 1 0 {_n(height)}"
            body = f"M{_n(left + 7)} {_n(top)}h{side}a7 {half} 0 0 1 0 {_n(height)}h-{side}"
            yield f'<path class="box" d="{body}{lid}"/>'
            if box.node.kind == "topic":
                yield f'<path class="way" d="M{_n(left + 13)} {_n(box.y + height / 2 - 4)}h{_n(width - 22)}"/>'
        case "group":
            yield _rect(left + 4, top - 4, width, height, 6)
            yield _rect(left, top, width, height, 6)
        case "function":
            yield _rect(left, top, width, height, 6)
            yield _text("detail", left + 11, top + 15, "λ")
        case _:
            yield _rect(left, top, width, height, 6)


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{escape(words)}</text>'


def _rect(left: float, top: float, width: float, height: float, round_: float) -> str:
    return (f'<rect class="box" x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" '
            f'rx="{_n(round_)}"/>')


def _n(value: float) -> str:
    """A length with one decimal, the same on every machine."""
    return f"{value + 0.0:.1f}".removesuffix(".0") if abs(value) >= 0.05 else "0"
