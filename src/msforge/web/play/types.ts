// What the server tells (web/playground/game.py, frames.py).
import type { Picture } from "../shared/graph.ts";

export type Value = number | boolean | null;

export interface Knob {
  id: string;
  /** A node's id, or an arrow's number. */
  at: string | number;
  group: string;
  label: string;
  kind: "count" | "duration" | "rate" | "share" | "factor" | "switch";
  low: number;
  high: number;
  optional: boolean;
}

export type Deed = [at: number, end: number, key: string, planned: boolean, written: Record<string, unknown>];

export interface Status {
  run: string;
  revision: number;
  speed: number;
  paused: boolean;
  time: number;
  broken: string;
  values: Record<string, Value>;
  deeds: Deed[];
}

export interface News {
  time: number;
  kind: string;
  subject: string;
  detail: string;
}

/** second, answered well per s, failed per s, p50 ms, p99 ms */
export type Second = [number, number, number, number | null, number | null];

export interface Hello {
  run: string;
  name: string;
  scenario: string | null;
  picture: Picture;
  knobs: Knob[];
  presets: { name: string; anew: boolean }[];
  seconds: Second[];
  log: News[];
  status: Status;
}

export interface ServiceNow {
  ready: number;
  replicas: number;
  busy: number;
  slots: number | null;
  waiting: number;
  /** Services without a ready replica. */
  down: number;
  rate: number;
  failed: number;
}

export interface StoreNow {
  busy: number;
  connections: number | null;
  waiting: number;
  rate: number;
  paused: number;
}

export interface ChannelNow {
  backlog: number;
  unacked: number;
  oldest: number;
  rate: number;
  failed: number;
}

/** When in the frame (0 to 1), and how it went. */
export type Sample = [number, 0 | 1 | 2];

export interface ArrowNow {
  rate: number;
  failed: number;
  dots: Sample[];
}

export interface Frame {
  run: string;
  time: number;
  speed: number;
  slowed: boolean;
  goal: number | null;
  over: boolean;
  tiles: { rate: number; p50: number | null; p99: number | null; failed: number | null };
  /** By node. */
  services: Record<string, ServiceNow>;
  stores: Record<string, StoreNow>;
  channels: Record<string, ChannelNow>;
  sources: Record<string, number>;
  arrows: ArrowNow[];
  /** How many requests one dot stands for. */
  per_dot: number;
  /** By arrow: closed, open, half-open. */
  breakers: Record<string, [number, number, number]>;
  seconds: Second[];
  news: News[];
  moving: Record<string, number>;
}

export interface State {
  run: string;
  scenario: string | null;
  time: number;
  deeds: Deed[];
}
