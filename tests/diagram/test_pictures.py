"""What the pictures say of a system, in each format, whatever its names are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli.app import app
from msforge.diagram import FORMATS, collapsed, graph_of
from msforge.diagram.svg import escape
from msforge.model import compile_system
from msforge.spec import load_text

SVG = "{http://www.w3.org/2000/svg}"
EVERYTHING = """\
msforge: 1
name: everything
services:
  front:
    threads: unlimited
    endpoints:
      go:
        steps:
          - {call: back.go, timeout: 300ms, retry: {attempts: 3}, circuit_breaker: {consecutive: 5}, fallback: {}}
          - {call: back.more, deadline: 1s, bulkhead: 4}
          - {call: cloud.pay, hedge: {after: 50ms}}
          - {call: front.other}
          - {read: db, cache: {store: hot, hit: 90%}}
          - {publish: news, key: uniform(1 9)}
          - {publish: jobs, outbox: true}
      other: {}
  back:
    replicas: 2
    autoscale: {min: 2, max: 6, threads: 60%}
    endpoints: {go: {grpc: p.S/Go}, more: {grpc: p.S/More}}
  cloud: {external: true, endpoints: {pay: {}}}
  thumbs: {function: {}, endpoints: {make: {}}}
  worker:
    consumers: {take: {from: jobs}, follow: {from: news}}
    endpoints: {}
stores: {db: {kind: postgres, owner: front}, hot: {kind: redis, connections: 5}}
channels:
  jobs: {kind: queue, dead_letter: lost}
  lost: {kind: queue}
  news: {kind: topic, partitions: 4}
traffic:
  people: {target: front.go, rate: 100/s}
  robots: {target: thumbs.make, users: 3, think: 1s}
simulation: {duration: 3s}
"""


def graph(text: str = EVERYTHING):  # type: ignore[no-untyped-def]
    return graph_of(compile_system(load_text(text)))


def test_every_kind_of_thing_is_there_with_its_numbers() -> None:
    said = {node.name: (node.kind, node.detail) for node in graph().nodes}
    assert said == {
        "people": ("source", "100/s"), "robots": ("source", "3 users"), "front": ("service", "1 × event loop"),
        "back": ("service", "2 to 6 × 16 threads"), "cloud": ("external", "third party"),
        "thumbs": ("function", "function"), "worker": ("service", "1 × 16 threads"),
        "db": ("store", "postgres, 10 connections"), "hot": ("store", "redis, 5 connections"),
        "jobs": ("queue", "rabbitmq"), "lost": ("queue", "rabbitmq"), "news": ("topic", "4 partitions, kafka"),
    }


def test_every_arrow_is_there_once_with_all_that_is_on_it() -> None:
    found = graph()
    names = {node.id: node.name for node in found.nodes}
    arrows = {(names[a.tail], a.kind, names[a.head]): a for a in found.arrows}
    assert set(arrows) == {
        ("people", "calls", "front"), ("robots", "calls", "thumbs"), ("front", "calls", "back"),
        ("front", "calls", "cloud"), ("front", "reads", "hot"), ("front", "reads", "db"),
        ("front", "publishes", "news"), ("front", "publishes", "jobs"), ("jobs", "consumes", "worker"),
        ("news", "consumes", "worker"), ("jobs", "dead letters", "lost"),
    }
    back = arrows["front", "calls", "back"]
    assert back.grpc and back.what == ["go", "more"]
    assert back.policies == ["fallback", "3 tries", "breaker", "timeout 300ms", "deadline 1s", "bulkhead 4"]
    assert arrows["front", "calls", "cloud"].policies == ["hedge 50ms"]
    assert not arrows["people", "calls", "front"].grpc
    assert arrows["front", "publishes", "jobs"].policies == ["outbox"]


def test_the_svg_is_whole_and_readable_to_a_screen_reader() -> None:
    root = ET.fromstring(FORMATS["svg"](graph()))
    assert root.get("role") == "img" and root.find(f"{SVG}title").text == "The system everything"  # type: ignore[union-attr]
    assert "front calls back" in root.find(f"{SVG}desc").text  # type: ignore[union-attr,operator]
    nodes = [g for g in root.iter(f"{SVG}g") if "node" in g.get("class", "")]
    assert len(nodes) == 12 and all(g.get("tabindex") == "0" and g.get("aria-label") for g in nodes)
    arrows = [g for g in root.iter(f"{SVG}g") if "arrow" in g.get("class", "") and g.find(f"{SVG}title") is not None]
    assert len(arrows) == 11
    assert sum("waits-not" in g.get("class", "") for g in arrows) == 5
    labels = {text.text for text in root.iter(f"{SVG}text") if text.get("class") == "label"}
    assert "gRPC · fallback · breaker" in labels and "outbox" in labels


HOSTILE = "</svg><script>alert('x')</script>&\"<img onerror=1>"


@pytest.mark.parametrize("format", FORMATS)
def test_a_hostile_name_is_text(format: str) -> None:
    found = graph()
    nodes = tuple(replace(node, name=HOSTILE, detail=HOSTILE) for node in found.nodes)
    drawn = FORMATS[format](replace(found, name=HOSTILE, nodes=nodes))
    if format == "svg":
        root = ET.fromstring(drawn)
        assert "<script" not in drawn and "<img" not in drawn and not list(root.iter(f"{SVG}script"))
        assert HOSTILE in root.find(f"{SVG}title").text  # type: ignore[union-attr,operator]
        assert {g.get("aria-label") for g in root.iter(f"{SVG}g")} >= {f"{HOSTILE}, store, {HOSTILE}"}
    elif format == "mermaid":
        assert "<" not in drawn and "&" not in drawn and '\n' not in drawn.splitlines()[1]
    elif format == "dot":
        assert '\\"<img onerror=1>\\n' in drawn and '&"' not in drawn.replace('\\"', "")


def test_what_xml_has_no_place_for_is_left_out() -> None:
    assert escape("a\x00b\x1fc\ud800<&") == "abc&lt;&amp;"


def test_mermaid_and_dot_and_text() -> None:
    mermaid, dot, text = (FORMATS[name](graph()) for name in ("mermaid", "dot", "text"))
    assert mermaid.startswith("graph LR\n") and '  s0 -->|"gRPC · fallback · breaker"| s1' in mermaid
    assert '  d0[("db")]' in mermaid and "-. dead letters .->" in mermaid
    assert 's1 [label="back\\n2 to 6 × 16 threads"' in dot and dot.count("->") == 11 and dot.count("dashed") == 6
    assert "  -> back (go, more): gRPC, fallback, 3 tries, breaker, timeout 300ms, deadline 1s, bulkhead 4\n" in text
    assert "jobs  (queue, rabbitmq)\n  ~> worker\n  ~> lost\n" in text


def test_a_large_system_is_drawn_in_groups() -> None:
    example = next(e for e in msforge.examples() if e.name == "thousand")
    small, whole = (msforge.graph(example.file, format="text", whole=whole) for whole in (False, True))
    assert "s0  (services, 10 services)\n  -> s1 (ask)" in small and small.count("\n") < 40
    assert whole.count("(service,") == 1000


def test_groups_keep_what_stands_alone() -> None:
    found = collapsed(graph(EVERYTHING.replace("worker", "back-office")))
    assert {(node.kind, node.name) for node in found.nodes if node.kind in ("group", "service", "external")} == {
        ("group", "back"), ("service", "front"), ("external", "cloud"),
    }
    group = next(node for node in found.nodes if node.kind == "group")
    assert group.members == ("back", "back-office") and group.detail == "2 services"


@pytest.mark.parametrize("example", msforge.examples(), ids=lambda example: example.name)
def test_every_example_is_drawn_the_same_each_time(example) -> None:  # type: ignore[no-untyped-def]
    for format in FORMATS:
        drawn = msforge.graph(example.file, format=format)
        assert drawn == msforge.graph(example.file, format=format)
    ET.fromstring(msforge.graph(example.file))


def test_the_picture_in_the_docs_is_what_is_drawn() -> None:
    drawn = (Path(__file__).parents[2] / "docs" / "images" / "graph.svg").read_text("utf-8")
    assert drawn == msforge.graph(_shop()), "python tools/screenshot.py draws it anew"


# -- at the terminal ---------------------------------------------------------------------------


def test_it_prints_or_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    printed = run.invoke(app, ["graph", "--example", "shop"])
    assert printed.exit_code == 0 and printed.stdout == msforge.graph(_shop())
    written = run.invoke(app, ["graph", "--example", "shop", "--out", "shop.svg"])
    assert written.exit_code == 0 and Path("shop.svg").read_text("utf-8") == printed.stdout
    again = run.invoke(app, ["graph", "--example", "shop", "--set", "services.payment.replicas=7", "-o", "shop.svg"])
    assert again.exit_code == 0 and "7 × 16 threads" in Path("shop.svg").read_text("utf-8")
    Path("notes.svg").write_text("my notes", "utf-8")
    refused = run.invoke(app, ["graph", "--example", "shop", "--out", "notes.svg"])
    assert refused.exit_code == 4 and Path("notes.svg").read_text("utf-8") == "my notes"
    text = run.invoke(app, ["graph", "--example", "shop", "--format", "text"])
    assert run.invoke(app, ["graph", "--example", "shop", "--out", "shop.dot"]).exit_code == 0
    assert Path("shop.dot").read_text("utf-8").startswith("digraph")
    unknown = run.invoke(app, ["graph", "--example", "shop", "--out", "shop.png"])
    assert unknown.exit_code == 2 and "written as .svg" in unknown.stderr and not Path("shop.png").exists()
    assert run.invoke(app, ["graph", "--example", "shop", "--out", "shop.png", "--format", "svg"]).exit_code == 0
    assert re.search(r"order-placed +\(queue, rabbitmq\)", text.stdout)


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(msforge.UsageError, match="unknown format 'png'") as caught:
        msforge.graph(_shop(), format="png")
    assert "svg, mermaid, dot, text" in caught.value.hint


def _shop() -> Path:
    return next(e for e in msforge.examples() if e.name == "shop").file
