// The system's graph with load, queue and errors on it, at the moment of the cursor.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Cursor } from "../shared/chart.tsx";
import { count, figure, percent } from "../shared/format.ts";
import { draw, element, type Drawn } from "../shared/graph.ts";
import { Panel, Table } from "./panel.tsx";
import { useAt } from "./timebar.tsx";
import type { Run, Sheet, Shown } from "./page.ts";

type Graph = NonNullable<Run["graph"]>;

export const FAILING = 0.01;
const HOT = 0.95;
/** An arrow without room for words: its ends say the same. */
const SHORT = 110;

/** What stands over a box: "34% busy · queue 5.2 · ✗ 12%". */
export function said(shown: Shown, at: number): string {
  const load = shown.load?.[at];
  const queue = shown.queue?.[at];
  const failed = shown.failed?.[at];
  const parts: string[] = [];
  if (load !== null && load !== undefined) parts.push(`${Math.round(load * 100)}% busy`);
  if (queue && queue >= 0.05) parts.push(`queue ${count(queue < 10 ? Math.round(queue * 10) / 10 : Math.round(queue))}`);
  if (failed && failed >= 0.0005) parts.push(`✗ ${percent(Math.round(failed * 1000) / 1000)}`);
  return parts.join(" · ");
}

/** A line's width: the square root of its share of the greatest rate. */
export function width(rate: number | null | undefined, most: number): number {
  return rate && most > 0 ? 1 + 4 * Math.sqrt(rate / most) : 1;
}

export function GraphPanel({ graph, cursor }: { graph: Graph | null; cursor: Cursor }) {
  const place = useRef<HTMLDivElement>(null);
  const at = useAt(cursor);
  const paint = useRef<((at: number) => void) | null>(null);
  useLayoutEffect(() => {
    if (graph) paint.current = overlay(graph, draw(place.current!, graph));
  }, [graph]);
  useLayoutEffect(() => paint.current?.(at), [at, graph]);
  if (!graph) {
    return (
      <Panel id="graph" title="The system">
        <p class="note">This result was stored without its plan, so there is no graph.</p>
      </Panel>
    );
  }
  return (
    <Panel
      id="graph"
      title="The system"
      about="At the moment above: bars fill with load, lines grow with their rate, ✗ is the share that failed."
    >
      <div class="picture" tabIndex={0} role="group" aria-label="graph of the system" ref={place} />
      <details class="numbers">
        <summary>The numbers at this moment</summary>
        <Table sheet={moment(graph, at)} />
      </details>
    </Panel>
  );
}

function moment(graph: Graph, at: number): Sheet {
  const rows = graph.nodes.map((node) => {
    const shown = graph.shows[node.id] ?? {};
    return [
      node.name,
      node.kind,
      figure(shown.load?.[at], "ratio"),
      figure(shown.queue?.[at], "count"),
      figure(shown.rate?.[at], "per_second"),
      figure(shown.failed?.[at], "ratio"),
      figure(shown.replicas?.[at], "count"),
    ];
  });
  return {
    title: "Every box of the graph at this moment",
    columns: ["", "kind", "busy", "waiting", "requests", "failed", "replicas"],
    rows,
    names: 2,
    note: "",
  };
}

/** Puts what moves into the picture; the answer draws it for a moment. */
function overlay(graph: Graph, drawn: Drawn): (at: number) => void {
  const most = Math.max(0, ...graph.flows.flatMap((flow) => flow.rate ?? []).map((rate) => rate ?? 0));
  const boxes = graph.nodes.map((node) => {
    const group = drawn.nodes.get(node.id)!;
    const wide = node.width - 16;
    const left = node.x - wide / 2;
    const y = node.y + node.height / 2 + 2.5;
    const shown = graph.shows[node.id] ?? {};
    const bar = element("rect", { class: "load", x: left, y, width: 0, height: 3.5, rx: 1.5 });
    if (shown.load) group.append(element("rect", { class: "load-way", x: left, y, width: wide, height: 3.5, rx: 1.5 }), bar);
    const top = node.y - node.height / 2 - (node.kind === "group" ? 9 : 5);
    const label = element("text", { class: "state", x: node.x, y: top });
    drawn.svg.append(label);
    return { group, bar, wide, label, shown, node };
  });
  const words = [...drawn.svg.querySelectorAll<SVGTextElement>("text.label")].map((text) => text.getBBox());
  const lines = drawn.arrows.map((group, i) => {
    const way = group.querySelector<SVGPathElement>(".way")!;
    const length = way.getTotalLength();
    const middle = way.getPointAtLength(length * 0.72);
    const label = element("text", { class: "state failing", x: middle.x, y: besides(words, middle) });
    if (length > SHORT) drawn.svg.append(label);
    return { group, way, label, flow: graph.flows[i] ?? {} };
  });
  drawn.svg.style.maxWidth = `${graph.width * 1.35}px`;
  return (at) => {
    for (const { group, bar, wide, label, shown, node } of boxes) {
      const load = Math.min(shown.load?.[at] ?? 0, 1);
      bar.setAttribute("width", String(load * wide));
      label.textContent = said(shown, at);
      const failing = (shown.failed?.[at] ?? 0) >= FAILING;
      label.classList.toggle("failing", failing);
      group.classList.toggle("failing", failing);
      group.classList.toggle("hot", load >= HOT);
      if (label.getComputedTextLength() > node.width + 12) fold(label, node.x);
    }
    for (const { group, way, label, flow } of lines) {
      if (flow.rate) way.style.strokeWidth = String(width(flow.rate[at], most));
      const failed = flow.failed?.[at] ?? 0;
      group.classList.toggle("failing", failed >= FAILING);
      label.textContent = failed >= FAILING ? `✗ ${percent(Math.round(failed * 1000) / 1000)}` : "";
    }
  };
}

/** The height of a share that failed, on its arrow; below the arrow's own words where they would lie on each other. */
function besides(words: DOMRect[], middle: DOMPoint): number {
  const under = words.find(
    (box) => Math.abs(box.x + box.width / 2 - middle.x) < box.width / 2 + 24 && Math.abs(box.y + box.height / 2 - middle.y) < 14,
  );
  return under ? under.y + under.height + 9 : middle.y + 3.5;
}

/** What failed, on a line of its own above the rest: a long line would lie on the arrows. */
function fold(label: SVGTextElement, x: number) {
  const parts = label.textContent.split(" · ");
  const last = parts.at(-1)!;
  if (parts.length < 2 || !last.startsWith("✗")) return;
  const above = element("tspan", { x, dy: "-1.15em" });
  const below = element("tspan", { x, dy: "1.15em" });
  above.textContent = last;
  below.textContent = parts.slice(0, -1).join(" · ");
  label.replaceChildren(above, below);
}
