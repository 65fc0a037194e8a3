// How a knob's value and the place of its slider belong together, and how it is written.
import { count, duration, percent, significant } from "../shared/format.ts";
import type { Knob, Value } from "./types.ts";

export const STEPS = 1000;
const LOGARITHMIC = new Set(["duration", "factor"]);

/** The value at a place (0 to STEPS) of the slider, rounded as people would. */
export function valueAt(knob: Knob, place: number): number {
  const share = place / STEPS;
  if (LOGARITHMIC.has(knob.kind)) {
    const low = Math.max(knob.low, 1);
    const value = low * (knob.high / low) ** share;
    return share === 0 ? knob.low : Math.min(knob.high, Number(value.toPrecision(2)));
  }
  const value = knob.low + (knob.high - knob.low) * share;
  if (knob.kind === "share") return Math.round(value * 100) / 100;
  return knob.kind === "count" || knob.high >= 20 ? Math.round(value) : Number(value.toPrecision(2));
}

/** The place of a value on the slider. */
export function placeOf(knob: Knob, value: number): number {
  const inside = Math.min(knob.high, Math.max(knob.low, value));
  if (LOGARITHMIC.has(knob.kind)) {
    const low = Math.max(knob.low, 1);
    return inside <= low ? 0 : Math.round((STEPS * Math.log(inside / low)) / Math.log(knob.high / low));
  }
  return Math.round((STEPS * (inside - knob.low)) / (knob.high - knob.low));
}

/** A value in words. */
export function said(knob: Knob, value: Value): string {
  if (value === null) return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  switch (knob.kind) {
    case "duration":
      return duration(value * 1e6).replace(/\.0+(?=[a-zµ])/, "");
    case "share":
      return percent(value);
    case "factor":
      return value === 1 ? "not slowed" : `${significant(value, 2)}×`;
    case "rate":
      return perSecond(value);
    default:
      return count(value);
  }
}

/** A rate in words. */
export function perSecond(rate: number): string {
  return `${rate >= 10 ? count(Math.round(rate)) : significant(rate, 2)}/s`;
}
