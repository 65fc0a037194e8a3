// Numbers as the terminal shows them (report/text.py): short, honest digits. For values under the cursor; figures of
// tables come from Python as text.

export const NOTHING = "–";

export type Unit = "ns" | "ratio" | "per_second" | "count";

/** `value` with `digits` significant digits; digits before the point are never rounded away. */
export function significant(value: number, digits = 3): string {
  if (value === 0) return "0";
  const places = Math.max(digits - 1 - Math.floor(Math.log10(Math.abs(value))), 0);
  const text = value.toFixed(Math.min(places, 20));
  const long = places > 0 && text.replace(/[-.]/g, "").replace(/^0+/, "").length > digits;
  return long ? value.toFixed(places - 1) : text;
}

/** A measured duration in nanoseconds: "412ms", "1.25s", "3m20s". */
export function duration(ns: number): string {
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns === 0) return "0";
  if (ns >= 119.95e9) return long(ns);
  for (const [scale, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]] as const) {
    if (ns >= scale * 0.9995) return significant(ns / scale) + unit;
  }
  return `${significant(ns)}ns`;
}

/** A point in simulated time: "60s", "2m05s", "1.5s". */
export function moment(ns: number): string {
  const seconds = ns / 1e9;
  if (seconds >= 120) return long(ns);
  return Math.abs(seconds - Math.round(seconds)) < 0.05 ? `${Math.round(seconds)}s` : `${seconds.toFixed(1)}s`;
}

function long(ns: number): string {
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${padded(seconds % 60)}s`;
  const minutes = Math.round(ns / 60e9);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h${padded(minutes % 60)}m`;
  return `${significant(ns / 86_400e9)}d`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}

/** A ratio 0..1: "99.2%", "100%". Never rounds a miss up to 100 %. */
export function percent(ratio: number): string {
  const value = ratio * 100;
  if (value === 0 || value >= 100) return `${Math.round(value)}%`;
  if (value < 10) return `${value >= 0.01 ? significant(value) : Number(value.toPrecision(2))}%`;
  const text = value.toFixed(1);
  return `${text === "100.0" ? Math.floor(value * 1000) / 1000 : text}%`;
}

/** A count or a mean of counts: "12,345", "3.4". */
export function count(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  return size > 0 && size < 0.001 ? "<0.001" : significant(value, size >= 1 ? 3 : 2);
}

/** A figure in its unit; null is "–". */
export function figure(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (unit === "ns") return duration(value);
  if (unit === "ratio") return percent(value);
  return unit === "per_second" ? `${significant(value)}/s` : count(value);
}
