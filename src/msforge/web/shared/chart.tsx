// A time series chart: uPlot with fault windows shaded, a cursor that the whole page shares, and a legend in words.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { figure, moment, type Unit } from "./format.ts";

export type Values = (number | null)[];

export interface Curve {
  label: string;
  values: Values;
  unit: Unit;
  /** Which of the palette's series colours, from 1, and which dash; by default by its place. */
  colour?: number;
  dash?: number;
  filled?: boolean;
}

export interface Fault {
  label: string;
  begin: number;
  end: number;
  open: boolean;
}

export interface Axis {
  begin: number;
  width: number;
  points: number;
  faults: Fault[];
  /** What the tables are about; the rest of the axis is left out of them. */
  measured?: [number, number];
}

/** A moment that several charts show: a point's number, told to whoever listens. */
export class Cursor {
  at: number;
  private heard = new Set<() => void>();

  constructor(at = 0) {
    this.at = at;
  }

  set(at: number): void {
    if (at === this.at) return;
    this.at = at;
    for (const hear of this.heard) hear();
  }

  listen(hear: () => void): () => void {
    this.heard.add(hear);
    return () => this.heard.delete(hear);
  }
}

export const DASHES: number[][] = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 2], [1, 4]];

/** The middles of an axis's points, s. */
export function middles(axis: Axis): number[] {
  return Array.from({ length: axis.points }, (_, i) => (axis.begin + (i + 0.5) * axis.width) / 1e9);
}

/** A colour of the palette as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function colourOf(curve: Curve, place: number): string {
  return `series-${((curve.colour ?? place + 1) - 1) % 6 + 1}`;
}

export function dashOf(curve: Curve, place: number): number[] {
  return DASHES[(curve.dash ?? place) % DASHES.length]!;
}

interface Props {
  title: string;
  axis: Axis;
  curves: Curve[];
  cursor: Cursor;
  height?: number;
  top?: number;
}

/** The chart; its words are in the legend below it, which says the values at the cursor. */
export function Chart({ title, axis, curves, cursor, height = 200, top }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const values = useRef<(HTMLElement | null)[]>([]);

  useEffect(() => {
    const holder = place.current!;
    const show = (chart: uPlot) => {
      curves.forEach((curve, i) => {
        const cell = values.current[i];
        if (cell) cell.textContent = figure(curve.values[cursor.at], curve.unit);
      });
      const left = chart.valToPos(chart.data[0][cursor.at] ?? 0, "x");
      chart.setCursor({ left, top: 0 }, false);
    };
    const chosen = options(axis, curves, cursor, holder.clientWidth, height, top);
    const chart = new uPlot({ ...chosen, hooks: { ...chosen.hooks, ready: [show] } }, data(axis, curves), holder);
    const quiet = cursor.listen(() => show(chart));
    const sized = new ResizeObserver(() => {
      if (holder.clientWidth && Math.abs(holder.clientWidth - chart.width) > 1) {
        chart.setSize({ width: holder.clientWidth, height });
        queueMicrotask(() => show(chart)); // uPlot has its new places after this task
      }
    });
    sized.observe(holder);
    const redraw = () => chart.redraw(false);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    addEventListener("palette", redraw);
    return () => {
      quiet();
      sized.disconnect();
      dark.removeEventListener("change", redraw);
      removeEventListener("palette", redraw);
      chart.destroy();
    };
  }, [axis, curves]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title}; the numbers are in the table below`} />
      <ul class="legend-list">
        {curves.map((curve, i) => (
          <li key={curve.label}>
            <Sample curve={curve} place={i} />
            <span>{curve.label}</span> <output ref={(cell) => void (values.current[i] = cell)} />
          </li>
        ))}
      </ul>
    </figure>
  );
}

function Sample({ curve, place }: { curve: Curve; place: number }) {
  return (
    <svg class="sample" viewBox="0 0 26 8" aria-hidden="true">
      <line
        x1="0"
        x2="26"
        y1="4"
        y2="4"
        style={{ stroke: `var(--${colourOf(curve, place)})` }}
        stroke-width="2"
        stroke-dasharray={dashOf(curve, place).join(" ")}
      />
    </svg>
  );
}

function data(axis: Axis, curves: Curve[]): uPlot.AlignedData {
  return [middles(axis), ...curves.map((curve) => curve.values)] as uPlot.AlignedData;
}

function options(axis: Axis, curves: Curve[], cursor: Cursor, width: number, height: number, top?: number): uPlot.Options {
  const unit = curves[0]?.unit ?? "count";
  const line = { stroke: () => colour("quiet"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  const end = (axis.begin + axis.points * axis.width) / 1e9;
  return {
    width: Math.max(width, 120),
    height,
    padding: [14, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: [axis.begin / 1e9, end] },
      y: { range: (_, __, most) => [0, top ?? ((most || 1) * 1.08)] },
    },
    axes: [
      {
        ...line,
        grid: { show: false },
        size: 28,
        values: (_, splits) => splits.map((second) => moment(second * 1e9)),
      },
      {
        ...line,
        grid: { stroke: () => colour("rule"), width: 1 },
        size: 66,
        space: 34,
        values: (_, splits) => splits.map((value) => figure(value, unit)),
      },
    ],
    series: [
      {},
      ...curves.map((curve, i) => ({
        label: curve.label,
        stroke: () => colour(colourOf(curve, i)),
        width: 2,
        dash: dashOf(curve, i),
        points: { show: false },
        ...(curve.filled ? { fill: () => `${colour(colourOf(curve, i))}22` } : {}),
      })),
    ],
    hooks: {
      drawClear: [(chart) => unmeasured(chart, axis), (chart) => shade(chart, axis.faults)],
      setCursor: [
        (chart) => {
          const at = chart.cursor.idx;
          if (chart.cursor.event && at !== null && at !== undefined) cursor.set(at);
        },
      ],
    },
  };
}

/** The parts that no table counts, a warm-up mostly: a quiet ground. */
function unmeasured(chart: uPlot, axis: Axis): void {
  if (!axis.measured) return;
  const { ctx, bbox } = chart;
  const [from, to] = axis.measured.map((time) => chart.valToPos(time / 1e9, "x", true)) as [number, number];
  ctx.save();
  ctx.fillStyle = colour("outside");
  ctx.fillRect(bbox.left, bbox.top, Math.max(from - bbox.left, 0), bbox.height);
  ctx.fillRect(to, bbox.top, Math.max(bbox.left + bbox.width - to, 0), bbox.height);
  ctx.restore();
}

/** Fault windows: a hatched ground with their names. */
function shade(chart: uPlot, faults: Fault[]): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  let last = -Infinity;
  let row = 0;
  for (const fault of faults) {
    const from = Math.max(chart.valToPos(fault.begin / 1e9, "x", true), bbox.left);
    const to = Math.min(chart.valToPos(fault.end / 1e9, "x", true), bbox.left + bbox.width);
    if (to < from) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, bbox.top, Math.max(to - from, 2), bbox.height);
    ctx.fillStyle = colour("fault");
    ctx.fill();
    ctx.clip();
    ctx.strokeStyle = colour("fault");
    ctx.lineWidth = ratio;
    for (let x = from - bbox.height; x < to; x += 9 * ratio) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
      ctx.stroke();
    }
    ctx.restore();
    ctx.save();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.fillStyle = colour("bad");
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    const room = ctx.measureText(fault.label).width;
    const x = Math.max(Math.min(from + 3 * ratio, bbox.left + bbox.width - room), bbox.left);
    row = x < last ? row + 1 : 0;
    if (row < 3) ctx.fillText(fault.label, x, bbox.top + (11 + 13 * row) * ratio);
    last = Math.max(last, x + room + 8 * ratio);
    ctx.restore();
  }
}
