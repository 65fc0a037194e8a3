import { describe, expect, test } from "vitest";
import { Dots, FAILED, GATE, place, REFUSED, travel, WELL } from "../play/dots.ts";
import { carried, fragment } from "../play/link.ts";
import { placeOf, said, STEPS, valueAt } from "../play/scale.ts";
import type { Knob, State } from "../play/types.ts";

function knob(kind: Knob["kind"], low: number, high: number): Knob {
  return { id: "k", at: "s0", group: "", label: "", kind, low, high, optional: false };
}

describe("a dot", () => {
  test("goes from tail to head when all is well", () => {
    const dot = { arrow: 0, begin: 100, kind: WELL } as const;
    expect(place(dot, 99, 1000)).toBeNull();
    expect(place(dot, 100, 1000)).toBe(0);
    expect(place(dot, 600, 1000)).toBe(0.5);
    expect(place(dot, 1100, 1000)).toBe(1);
    expect(place(dot, 1101, 1000)).toBeNull();
  });

  test("comes back when it failed", () => {
    const dot = { arrow: 0, begin: 0, kind: FAILED } as const;
    expect(place(dot, 1000, 1000)).toBe(1);
    expect(place(dot, 1500, 1000)).toBe(0.5);
    expect(place(dot, 2001, 1000)).toBeNull();
  });

  test("never passes the breaker that refused it", () => {
    const dot = { arrow: 0, begin: 0, kind: REFUSED } as const;
    for (let now = 0; now < 3000; now += 7) expect(place(dot, now, 1000) ?? 0).toBeLessThan(GATE);
  });

  test("takes longer on a longer way and in slow motion, within bounds", () => {
    expect(travel(300, 1)).toBeGreaterThan(travel(150, 1));
    expect(travel(200, 0.25)).toBeGreaterThan(travel(200, 1));
    expect(travel(1e6, 0.01)).toBeLessThan(5000);
    expect(travel(1, 100)).toBeGreaterThan(300);
  });
});

test("dots are bounded, and forgotten when they have arrived", () => {
  const dots = new Dots();
  for (let i = 0; i < 1000; i += 1) dots.add(0, [[0, WELL], [0.5, FAILED]], i, 100);
  expect(dots.all.length).toBeLessThanOrEqual(1500);
  expect(dots.all.at(-1)).toEqual({ arrow: 0, begin: 1049, kind: FAILED });
  dots.shift(10);
  expect(dots.all.at(-1)?.begin).toBe(1059);
  dots.sweep(1e6, 4000);
  expect(dots.all).toEqual([]);
});

test("a link carries a session, whatever its names hold", () => {
  const state: State = {
    run: "a", scenario: "schwarzer Freitag – ½ 🙂", time: 1234,
    deeds: [[1, -1, "slow payment", false, { slow: "payment", by: "10x" }]],
  };
  const hash = fragment(state);
  expect(hash).toMatch(/^#s=[\w-]+$/);
  expect(carried(hash)).toEqual(state);
});

test.each(["", "#", "#s=", "#s=%%%", "#s=e30", "#s=bnVsbA", `#s=${btoa("[1]")}`])("%s carries none", (hash) => {
  expect(carried(hash)).toBeNull();
});

describe("a slider", () => {
  test.each([
    knob("count", 1, 12), knob("duration", 1, 60_000), knob("duration", 0, 10_000), knob("rate", 0, 800),
    knob("share", 0, 1), knob("factor", 1, 50),
  ])("ends at the bounds of $kind and keeps the order", (each) => {
    expect(valueAt(each, 0)).toBe(each.low);
    expect(valueAt(each, STEPS)).toBe(each.high);
    expect(placeOf(each, each.low)).toBe(0);
    expect(placeOf(each, each.high)).toBe(STEPS);
    for (let at = 10; at <= STEPS; at += 10) expect(valueAt(each, at)).toBeGreaterThanOrEqual(valueAt(each, at - 10));
  });

  test("gives whole numbers of replicas, each within reach", () => {
    const replicas = knob("count", 1, 12);
    for (let n = 1; n <= 12; n += 1) expect(valueAt(replicas, placeOf(replicas, n))).toBe(n);
  });

  test("says its value in words", () => {
    expect(said(knob("duration", 1, 60_000), 400)).toBe("400ms");
    expect(said(knob("duration", 1, 60_000), 50)).toBe("50ms");
    expect(said(knob("duration", 1, 60_000), null)).toBe("none");
    expect(said(knob("rate", 0, 800), 50)).toBe("50/s");
    expect(said(knob("factor", 1, 50), 1)).toBe("not slowed");
    expect(said(knob("factor", 1, 50), 10)).toBe("10×");
    expect(said(knob("share", 0, 1), 0.3)).toBe("30.0%");
    expect(said(knob("switch", 0, 1), true)).toBe("on");
  });
});
