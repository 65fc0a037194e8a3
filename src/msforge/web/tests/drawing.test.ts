import { expect, test } from "vitest";
import { onto, pairs, span } from "../report/comparison.tsx";
import { said, width } from "../report/graph.tsx";
import { cells } from "../report/heat.tsx";
import { steps } from "../report/marks.tsx";
import type { Change, Comparison, Entry, Side, Span, Time } from "../report/page.ts";
import { outcomes } from "../report/requests.tsx";
import { stacked } from "../report/slow.tsx";
import { place } from "../report/timebar.tsx";
import { look } from "../report/traces.tsx";
import { Cursor, dashOf, middles } from "../shared/chart.tsx";

const time: Time = { begin: 0, width: 1e9, points: 4, faults: [], measured: [0, 4e9], note: "", start: 0 };
const entry: Entry = {
  name: "people -> shop.buy",
  rate: [5, 5, 5, 5],
  ok: [5, 4, 3, 5],
  failed: { timeout: [0, 1, 2, 0], refused: [0, 0, 0, 0] },
  p50: [1, 2, null, 4],
  p95: [2, 3, null, 5],
  p99: [3, 4, null, 6],
};

test("neighbours of one shade are one cell, a gap is its own", () => {
  expect(cells([0, 0, 0.5, 1, null, 1], 1)).toEqual([
    { from: 0, to: 2, level: 0 },
    { from: 2, to: 3, level: 10 },
    { from: 3, to: 4, level: 20 },
    { from: 4, to: 5, level: -1 },
    { from: 5, to: 6, level: 20 },
  ]);
});

test("queues are drawn by their root, and nothing is divided by nothing", () => {
  expect(cells([25], 100, true)).toEqual([{ from: 0, to: 1, level: 10 }]);
  expect(cells([0, 0], 0)).toEqual([{ from: 0, to: 2, level: 0 }]);
});

test("a stacked bar is full, and no part is negative", () => {
  expect(stacked([10, 30, 0, -5])).toEqual([
    { from: 0, length: 25 },
    { from: 25, length: 75 },
    { from: 100, length: 0 },
    { from: 100, length: 0 },
  ]);
  expect(stacked([0, 0]).every((part) => part.length === 0)).toBe(true);
});

test("what stands over a box leaves out what is nothing", () => {
  expect(said({ load: [0.337], queue: [5.18], failed: [0.25] }, 0)).toBe("34% busy · queue 5.20 · ✗ 25.0%");
  expect(said({ load: [0], queue: [0], failed: [0] }, 0)).toBe("0% busy");
  expect(said({ load: [null], queue: [0.01], failed: [null] }, 0)).toBe("");
  expect(said({}, 3)).toBe("");
});

test("lines grow with the root of their rate", () => {
  expect([width(100, 100), width(25, 100), width(0, 100), width(null, 100), width(1, 0)]).toEqual([5, 3, 1, 1, 1]);
});

test("places on the axis stay on it", () => {
  expect([place(time, 1e9), place(time, -5e9), place(time, 9e9)]).toEqual([25, 0, 100]);
  expect(middles(time)).toEqual([0.5, 1.5, 2.5, 3.5]);
});

test("outcomes that never happened are not drawn, and no two curves look alike", () => {
  const curves = outcomes(entry);
  expect(curves.map((curve) => curve.label)).toEqual(["answered", "timeout", "arrived"]);
  const many = outcomes({ ...entry, failed: { a: [1], b: [1], c: [1] } });
  const looks = many.map((curve, i) => `${curve.colour} ${dashOf(curve, i)}`);
  expect(new Set(looks).size).toBe(many.length);
});

test("waiting is told from work", () => {
  const looks = ["queue", "work", "serve"].map((kind) => look({ kind, waiting: kind === "queue" } as Span));
  expect(looks).toEqual(["waiting", "working", "around"]);
});

test("a step line goes from value to value", () => {
  expect(steps([2, 4, 0])).toBe("M0 0.500H1V0.000H2V1.000H3");
});

test("another run's values come onto the axis by their moment", () => {
  const half = { ...time, width: 5e8, points: 8 };
  expect(onto([1, 2, 3, 4, 5, 6, 7, 8], half, time)).toEqual([2, 4, 6, 8]);
  expect(onto([1, 2], { ...time, points: 2 }, time)).toEqual([1, 2, null, null]);
  expect(onto([1, 2, 3, 4], { ...time, begin: 2e9 }, time)).toEqual([null, null, 1, 2]);
});

test("only what both runs have is laid over each other", () => {
  const side = { time, entries: [entry], rows: [] } as unknown as Side;
  const other = { ...side, entries: [entry, { ...entry, name: "new" }] };
  const found = pairs({ labels: ["before", "after"], sides: [side, other] } as unknown as Comparison, time);
  expect(found.map((pair) => pair.title)).toEqual([
    "people -> shop.buy: p99",
    "people -> shop.buy: p50",
    "people -> shop.buy: answered per second",
  ]);
});

test("the scale of the differences holds them, up to ten times", () => {
  const change = (bar: [number, number, number] | null) => ({ bar }) as Change;
  expect(span([change([-0.2, 0.1, 0.4]), change(null)])).toBeCloseTo(0.42);
  expect(span([change([5, 50, 500])])).toBeCloseTo(10.5);
});

test("a cursor tells each move once, to those who still listen", () => {
  const cursor = new Cursor(3);
  let heard = 0;
  const quiet = cursor.listen(() => heard++);
  cursor.set(3);
  cursor.set(4);
  quiet();
  cursor.set(5);
  expect([heard, cursor.at]).toEqual([1, 5]);
});
