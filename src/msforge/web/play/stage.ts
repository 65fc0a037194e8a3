// The graph while it runs: what each part does now, and requests on their way.
import { count, percent, significant } from "../shared/format.ts";
import { draw, element, type Drawn } from "../shared/graph.ts";
import { Dots, FAILED, GATE, place, POINTS, travel, WELL, type Way } from "./dots.ts";
import { perSecond } from "./scale.ts";
import type { Frame, Hello, ServiceNow } from "./types.ts";

export type Selected = string | number | null;

const FRAME = 100; // ms
const NOTICED = 0.01; // share of failures from which a part is shown as failing
const MOST_PIPS = 12;

interface Live {
  group: SVGGElement;
  detail: SVGTextElement | null;
  bar: SVGRectElement;
  badge: SVGGElement;
  count: SVGTextElement;
  pips: SVGGElement;
  name: string;
  width: number;
}

/** What a node shows, of all parts that it stands for. */
interface Shown {
  text: string;
  load: number | null;
  waiting: number;
  ready: number;
  replicas: number;
  failed: number;
  down: boolean;
}

export class Stage {
  private readonly drawn: Drawn;
  private readonly canvas = document.createElement("canvas");
  private readonly live = new Map<string, Live>();
  private readonly switches = new Map<number, SVGGElement>();
  private readonly dots = new Dots();
  private readonly watcher: ResizeObserver;
  private ways: (Way | null)[] = [];
  private colours = { well: "", bad: "", ground: "" };
  private fit = { scale: 1, x: 0, y: 0 };
  private speed = 1;
  private still = false;
  private last = performance.now();
  private request = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly hello: Hello,
    private readonly choose: (what: Selected) => void,
  ) {
    this.drawn = draw(root, hello.picture);
    this.canvas.setAttribute("aria-hidden", "true");
    root.append(this.canvas);
    for (const node of hello.picture.nodes) this.furnish(node.id);
    this.drawn.arrows.forEach((group, number) => this.wire(group, number));
    this.watcher = new ResizeObserver(() => this.measure());
    this.watcher.observe(root);
    this.paint();
    this.measure();
    this.request = requestAnimationFrame(this.step);
  }

  /** Nothing of it remains. */
  end(): void {
    cancelAnimationFrame(this.request);
    this.watcher.disconnect();
    this.root.replaceChildren();
  }

  /** Reads the colours again: the theme has changed. */
  paint(): void {
    const style = getComputedStyle(this.root);
    const of = (name: string) => style.getPropertyValue(name).trim();
    this.colours = { well: of("--box-line"), bad: of("--bad"), ground: of("--ground") };
  }

  select(what: Selected): void {
    for (const [id, { group }] of this.live) group.classList.toggle("chosen", id === what);
    this.drawn.arrows.forEach((group, number) => group.classList.toggle("chosen", number === what));
  }

  pause(still: boolean): void {
    this.still = still;
  }

  update(frame: Frame, wanted: number): void {
    this.speed = wanted;
    for (const [id, shown] of this.shown(frame)) this.show(id, shown);
    const now = performance.now();
    frame.arrows.forEach((arrow, number) => {
      this.drawn.arrows[number]?.classList.toggle("failing", arrow.failed >= NOTICED);
      if (!document.hidden) this.dots.add(number, arrow.dots, now, FRAME);
    });
    for (const [number, states] of Object.entries(frame.breakers)) this.breaker(Number(number), states);
    for (const [number, group] of this.switches) if (!frame.breakers[number]) group.setAttribute("visibility", "hidden");
  }

  // -- making it ----------------------------------------------------------------------------

  private furnish(id: string): void {
    const node = this.hello.picture.nodes.find((each) => each.id === id)!;
    const group = this.drawn.nodes.get(id);
    if (!group) return;
    const left = node.x - node.width / 2;
    const bottom = node.y + node.height / 2;
    const bar = element("rect", { class: "load", x: left + 5, y: bottom - 6, width: 0, height: 3, rx: 1.5 });
    const badge = element("g", { class: "queue-badge", visibility: "hidden" });
    const text = element("text", { x: node.x + node.width / 2 - 4, y: node.y - node.height / 2 + 3 });
    badge.append(element("rect", { height: 16, rx: 8, y: node.y - node.height / 2 - 9 }), text);
    const pips = element("g", { class: "pips" });
    group.append(bar, badge, pips);
    group.setAttribute("role", "button");
    this.act(group, id);
    const detail = group.querySelector<SVGTextElement>(".detail:not(:empty)");
    this.live.set(id, { group, detail, bar, badge, count: text, pips, name: group.querySelector(".name")?.textContent ?? node.name, width: node.width - 10 });
  }

  private wire(group: SVGGElement, number: number): void {
    const path = group.querySelector<SVGPathElement>(".way");
    if (!path) return;
    this.ways[number] = wayOf(path);
    if (!this.hello.knobs.some((knob) => knob.at === number)) return;
    const wide = element("path", { class: "reach", d: path.getAttribute("d") ?? "" });
    group.prepend(wide);
    group.classList.add("open-to");
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", this.hello.picture.arrows[number]?.words ?? "");
    this.act(group, number);
  }

  private act(group: SVGGElement, what: string | number): void {
    group.addEventListener("click", () => this.choose(what));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      this.choose(what);
    });
  }

  private measure(): void {
    const { width, height } = this.root.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    const { width: w, height: h } = this.hello.picture;
    const scale = Math.min(width / w, height / h);
    this.fit = { scale: scale * ratio, x: ((width - w * scale) / 2) * ratio, y: ((height - h * scale) / 2) * ratio };
  }

  // -- what parts do ----------------------------------------------------------------------------

  private shown(frame: Frame): [string, Shown][] {
    return [
      ...Object.entries(frame.services).map(([id, now]): [string, Shown] => [id, ofService(now)]),
      ...Object.entries(frame.stores).map(([id, now]): [string, Shown] => [id, {
        ...NOTHING_SHOWN,
        waiting: now.waiting,
        load: now.connections === null ? null : now.busy / now.connections,
        down: now.paused > 0,
        text: now.paused ? "paused" : `${count(now.busy)} busy · ${perSecond(now.rate)}`,
      }]),
      ...Object.entries(frame.channels).map(([id, now]): [string, Shown] => [id, {
        ...NOTHING_SHOWN,
        waiting: now.backlog,
        text: now.backlog > 0 ? `oldest ${significant(now.oldest, 2)}s` : perSecond(now.rate),
      }]),
      ...Object.entries(frame.sources).map(([id, rate]): [string, Shown] => [id, { ...NOTHING_SHOWN, text: perSecond(rate) }]),
    ];
  }

  private show(id: string, shown: Shown): void {
    const live = this.live.get(id);
    if (!live) return;
    if (live.detail && live.detail.textContent !== shown.text) live.detail.textContent = shown.text;
    const words = [live.name, shown.text, ...(shown.waiting > 0 ? [`${count(shown.waiting)} waiting`] : [])].join(" ");
    if (live.group.getAttribute("aria-label") !== words) live.group.setAttribute("aria-label", words);
    const load = Math.min(1, shown.load ?? 0);
    live.bar.setAttribute("width", (load * live.width).toFixed(1));
    live.bar.classList.toggle("full", load > 0.9);
    live.group.classList.toggle("failing", shown.failed >= NOTICED);
    live.group.classList.toggle("down", shown.down);
    live.badge.setAttribute("visibility", shown.waiting > 0 ? "visible" : "hidden");
    if (shown.waiting > 0) {
      const text = `${count(shown.waiting)} waiting`;
      if (live.count.textContent !== text) {
        live.count.textContent = text;
        const width = 14 + 6.9 * text.length;
        const rect = live.badge.firstElementChild!;
        rect.setAttribute("width", String(width));
        rect.setAttribute("x", String(Number(live.count.getAttribute("x")) - width + 8));
      }
    }
    this.showReplicas(id, live, shown);
  }

  private showReplicas(id: string, live: Live, shown: Shown): void {
    const total = shown.replicas > MOST_PIPS ? 0 : shown.replicas;
    if (live.pips.childElementCount !== total) {
      const node = this.hello.picture.nodes.find((each) => each.id === id)!;
      const left = node.x - (total - 1) * 4.5;
      live.pips.replaceChildren(
        ...Array.from({ length: total }, (_, i) =>
          element("circle", { cx: left + i * 9, cy: node.y + node.height / 2 + 7, r: 2.8 })),
      );
    }
    [...live.pips.children].forEach((pip, i) => pip.classList.toggle("ready", i < shown.ready));
  }

  private breaker(number: number, [closed, open, half]: [number, number, number]): void {
    let group = this.switches.get(number);
    const way = this.ways[number];
    if (!way) return;
    if (!group) {
      group = element("g", { class: "switch" });
      const at = Math.round(POINTS * GATE);
      group.setAttribute("transform", `translate(${way.x[at]!.toFixed(1)} ${way.y[at]!.toFixed(1)})`);
      group.append(element("title", {}), element("circle", { r: 8.5 }), element("path", {}));
      this.drawn.svg.append(group);
      this.switches.set(number, group);
    }
    group.setAttribute("visibility", "visible");
    const state = open > 0 ? "open" : half > 0 ? "half" : "closed";
    if (group.dataset["state"] !== state) {
      group.dataset["state"] = state;
      group.lastElementChild!.setAttribute("d", state === "closed" ? "M-8 0H8" : "M-8 0H-4L4 -5.5M5 0H8");
    }
    group.firstElementChild!.textContent = `circuit breakers: ${closed} closed, ${open} open, ${half} half-open`;
  }

  // -- requests on their way ----------------------------------------------------------------------

  private readonly step = (now: number): void => {
    this.request = requestAnimationFrame(this.step);
    const passed = now - this.last;
    this.last = now;
    if (this.still) {
      this.dots.shift(passed);
      return;
    }
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const { scale, x, y } = this.fit;
    context.setTransform(scale, 0, 0, scale, x, y);
    this.drawDots(context, now);
    this.dots.sweep(now, 4000);
  };

  private drawDots(context: CanvasRenderingContext2D, now: number): void {
    const well = new Path2D();
    const bad = new Path2D();
    for (const dot of this.dots.all) {
      const way = this.ways[dot.arrow];
      if (!way) continue;
      const at = place(dot, now, travel(way.length, this.speed));
      if (at === null) continue;
      const along = at * (POINTS - 1);
      const k = Math.min(POINTS - 2, Math.floor(along));
      const px = way.x[k]! + (way.x[k + 1]! - way.x[k]!) * (along - k);
      const py = way.y[k]! + (way.y[k + 1]! - way.y[k]!) * (along - k);
      if (dot.kind === WELL) {
        well.moveTo(px + 3, py);
        well.arc(px, py, 3, 0, 7);
      } else {
        const size = dot.kind === FAILED ? 4.2 : 3.4;
        bad.moveTo(px - size, py - size);
        bad.lineTo(px + size, py + size);
        bad.moveTo(px + size, py - size);
        bad.lineTo(px - size, py + size);
      }
    }
    context.fillStyle = this.colours.well;
    context.fill(well);
    context.lineCap = "round";
    context.lineWidth = 4.6;
    context.strokeStyle = this.colours.ground;
    context.stroke(bad);
    context.lineWidth = 2.4;
    context.strokeStyle = this.colours.bad;
    context.stroke(bad);
  }
}

function wayOf(path: SVGPathElement): Way {
  const length = path.getTotalLength();
  const way = { x: new Float32Array(POINTS), y: new Float32Array(POINTS), length };
  for (let i = 0; i < POINTS; i += 1) {
    const point = path.getPointAtLength((length * i) / (POINTS - 1));
    way.x[i] = point.x;
    way.y[i] = point.y;
  }
  return way;
}

const NOTHING_SHOWN: Shown = { text: "", load: null, waiting: 0, ready: 0, replicas: 0, failed: 0, down: false };

function ofService(now: ServiceNow): Shown {
  const busy = now.slots === null ? `${count(now.busy)} busy` : `${count(now.busy)}/${count(now.slots)}`;
  const down = now.ready === 0;
  return {
    load: now.slots ? now.busy / now.slots : null,
    waiting: now.waiting,
    ready: now.ready,
    replicas: now.replicas,
    failed: now.failed,
    down,
    text: down ? "down" : now.failed >= NOTICED ? `${percent(now.failed)} errors` : `${busy} · ${perSecond(now.rate)}`,
  };
}
