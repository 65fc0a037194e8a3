// The last minutes: throughput and latency, second by second.
import uPlot from "uplot";
import { count, duration } from "../shared/format.ts";
import type { News, Second } from "./types.ts";

const SHOWN = 180; // seconds
const MARKED = new Set(["change", "fault_begin", "fault_end", "crash", "deploy"]);

interface Line {
  label: string;
  colour: string;
  of: (row: Second) => number | null;
  filled?: boolean;
}

export interface Kind {
  title: string;
  lines: Line[];
  axis: (value: number) => string;
}

export const THROUGHPUT: Kind = {
  title: "Answers per second",
  lines: [
    { label: "well", colour: "--series-1", of: (row) => row[1], filled: true },
    { label: "failed", colour: "--bad", of: (row) => row[2], filled: true },
  ],
  axis: (value) => count(value),
};

export const LATENCY: Kind = {
  title: "Latency of good answers",
  lines: [
    { label: "p50", colour: "--series-1", of: (row) => row[3] },
    { label: "p99", colour: "--series-2", of: (row) => row[4] },
  ],
  axis: (value) => duration(value * 1e6),
};

export class Chart {
  private plot: uPlot | null = null;
  private data: uPlot.AlignedData = [[]];
  private marks: number[] = [];
  private readonly watcher: ResizeObserver;

  constructor(private readonly place: HTMLElement, private readonly kind: Kind) {
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(place);
    this.make();
  }

  end(): void {
    this.watcher.disconnect();
    this.plot?.destroy();
  }

  /** Makes it anew: in the colours and type sizes that hold now. */
  make(): void {
    this.plot?.destroy();
    const style = getComputedStyle(this.place);
    const of = (name: string) => style.getPropertyValue(name).trim();
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const font = `${Math.round(11 * rem)}px ${style.fontFamily}`;
    const axis = { stroke: of("--quiet"), font, ticks: { show: false }, grid: { stroke: of("--rule"), width: 1 } };
    this.plot = new uPlot(
      {
        ...this.size(),
        pxAlign: false,
        cursor: { show: false },
        legend: { show: false },
        padding: [8, 18 * rem, 0, 0],
        scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 22 * rem, gap: 3, values: (_, values) => values.map(clock), space: 60 * rem },
          { ...axis, size: 52 * rem, gap: 5, values: (_, values) => values.map(this.kind.axis), space: 26 * rem },
        ],
        series: [
          {},
          ...this.kind.lines.map((line) => ({
            label: line.label,
            stroke: of(line.colour),
            width: 2,
            points: { show: false },
            ...(line.filled ? { fill: `${of(line.colour)}22` } : {}),
          })),
        ],
        hooks: { draw: [(plot) => this.mark(plot, of("--quiet"))] },
      },
      this.data,
      this.place,
    );
  }

  show(rows: Second[], log: News[]): void {
    const shown = rows.slice(-SHOWN);
    this.data = [shown.map((row) => row[0]), ...this.kind.lines.map((line) => shown.map(line.of))] as uPlot.AlignedData;
    this.marks = log.filter((news) => MARKED.has(news.kind)).map((news) => news.time);
    this.plot?.setData(this.data);
  }

  private mark(plot: uPlot, colour: string): void {
    const { left, top, width, height } = plot.bbox;
    const context = plot.ctx;
    context.save();
    context.strokeStyle = colour;
    context.globalAlpha = 0.4;
    context.setLineDash([3, 4]);
    for (const time of this.marks) {
      const x = plot.valToPos(time, "x", true);
      if (x < left || x > left + width) continue;
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
    }
    context.restore();
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(120, this.place.clientWidth), height: Math.max(80, this.place.clientHeight) };
  }

  private resize(): void {
    const size = this.size();
    if (this.plot && (this.plot.width !== size.width || this.plot.height !== size.height)) this.plot.setSize(size);
  }
}

/** Seconds of the run as people read them: 0:42, 12:05. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
