// Requests that move along arrows: where each is at a moment. Nothing here draws.
import type { Sample } from "./types.ts";

export const WELL = 0;
export const FAILED = 1;
export const REFUSED = 2;

export interface Dot {
  arrow: number;
  /** When it leaves (ms of the page's clock). */
  begin: number;
  kind: 0 | 1 | 2;
}

/** An arrow's way as points at equal distances. */
export interface Way {
  x: Float32Array;
  y: Float32Array;
  length: number;
}

export const POINTS = 64;
/** Where on its way a call that is refused by its own caller turns back. */
export const GATE = 0.34;
const SPEED = 0.24; // px of the picture per ms
const QUICKEST = 420; // ms
const SLOWEST = 1600;
const MOST = 1500;

/** How long a request takes along a way (ms). What it takes in the simulation is too short to see. */
export function travel(length: number, speed: number): number {
  const slow = speed < 1 ? Math.min(2.5, 1 / Math.sqrt(speed)) : 1;
  return Math.min(SLOWEST, Math.max(QUICKEST, length / SPEED)) * slow;
}

/** Where on its way a dot is: 0 at the tail, 1 at the head; null before and after. A failure comes back. */
export function place(dot: Dot, now: number, time: number): number | null {
  const passed = (now - dot.begin) / time;
  if (passed < 0) return null;
  if (dot.kind === WELL) return passed <= 1 ? passed : null;
  const turn = dot.kind === REFUSED ? GATE - 0.03 : 1; // refused at the caller: it never reaches the callee
  if (passed > 2 * turn) return null;
  return passed <= turn ? passed : 2 * turn - passed;
}

/** The dots in the picture. */
export class Dots {
  all: Dot[] = [];

  /** A frame's samples, spread over `length` ms from `begin`. */
  add(arrow: number, samples: Sample[], begin: number, length: number): void {
    for (const [at, kind] of samples) this.all.push({ arrow, begin: begin + at * length, kind });
    if (this.all.length > MOST) this.all = this.all.slice(-MOST);
  }

  /** Forgets those that have arrived. */
  sweep(now: number, longest: number): void {
    this.all = this.all.filter((dot) => now - dot.begin < 2 * longest);
  }

  /** Lets time stand for `by` ms. */
  shift(by: number): void {
    for (const dot of this.all) dot.begin += by;
  }
}
