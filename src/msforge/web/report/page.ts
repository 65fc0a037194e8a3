// The document that Python hands over (report/page/run.py, comparison.py and agreement.py). Times in ns, shares 0..1.
import type { Axis, Values } from "../shared/chart.tsx";
import type { Picture } from "../shared/graph.ts";

export interface Sheet {
  title: string;
  columns: string[];
  rows: string[][];
  names: number;
  note: string;
}

export interface Time extends Axis {
  measured: [number, number];
  note: string;
  start: number;
}

export interface Shown {
  load?: Values;
  queue?: Values;
  rate?: Values;
  failed?: Values;
  replicas?: Values;
}

export interface Objective {
  subject: string;
  text: string;
  measured: string;
  met: boolean;
  word: string;
  less: boolean;
  limit: string;
  bar: { limit: number; value: number; low: number; high: number } | null;
}

export interface EntryFacts {
  name: string;
  rate: string;
  success: string;
  p50: string;
  p99: string;
}

export interface Verdict {
  state: "good" | "bad" | "none";
  line: string;
  objectives: Objective[];
  headline: string;
  told: string[];
  others: string[];
  decided: boolean;
  advice: string[];
  warnings: string[];
  entries: EntryFacts[];
}

export interface Entry {
  name: string;
  rate: Values;
  ok: Values;
  failed: Record<string, Values>;
  p50: Values;
  p95: Values;
  p99: Values;
}

export interface Row {
  name: string;
  kind: string;
  load: Values;
  queue: Values;
  parts: { name: string; load: Values; queue: Values }[];
}

export interface Band {
  total: number;
  text: string;
  count: string;
  parts: number[];
  shares: string[];
}

export interface Slow {
  kinds: { key: string; words: string }[];
  bands: { key: string; words: string }[];
  rows: { name: string; kind: string; bands: Record<string, Band> }[];
  table: Sheet;
}

export interface Span {
  depth: number;
  name: string;
  where: string;
  kind: string;
  waiting: boolean;
  begin: number;
  length: number;
  text: string;
  outcome: string;
  failed: boolean;
}

export interface Trace {
  title: string;
  about: string;
  length: number;
  answer: number;
  rows: Span[];
  left: number;
}

export interface Marks {
  breakers: { name: string; spans: { begin: number; end: number; state: string }[] }[];
  left: number;
  replicas: { name: string; values: Values }[];
  happenings: { name: string; marks: { time: number; kind: string; detail: string }[] }[];
  tables: Sheet[];
}

export interface Repeat {
  command: string;
  facts: [string, string][];
}

export interface Run {
  kind: "run";
  system: string;
  scenario: string;
  facts: [string, string][];
  verdict: Verdict;
  time: Time;
  graph: (Picture & { shows: Record<string, Shown>; flows: Shown[] }) | null;
  entries: Entry[];
  requests: Sheet[];
  rows: Row[];
  services: Sheet[];
  storm: {
    figures: { name: string; text: string }[];
    edges: { name: string; attempts: Values; tries: Values }[];
    recoveries: Sheet;
    calls: Sheet;
  };
  slow: Slow | null;
  traces: Trace[];
  marks: Marks;
  channels: { name: string; backlog: Values; age: Values; published: Values; done: Values }[];
  channelTable: Sheet;
  cost: { total: string; million: string; bars: { name: string; share: number; text: string }[]; table: Sheet } | null;
  notes: { said: string[]; checks: Sheet };
  repeat: Repeat;
}

export interface Side {
  state: string;
  line: string;
  headline: string;
  entriesTold: EntryFacts[];
  time: Time;
  entries: Entry[];
  rows: Row[];
}

export interface Change {
  kind: string;
  subject: string;
  metric: string;
  before: string;
  after: string;
  text: string;
  relative: string;
  verdict: string;
  word: string;
  bar: [number, number, number] | null;
}

/** Two runs on one axis, and what each is called. */
export interface Both {
  labels: [string, string];
  sides: [Side, Side];
}

export interface Reading {
  subject: string;
  metric: string;
  measured: string;
  twin: string;
  text: string;
  interval: string;
  word: string;
  state: string;
  bar: { low: number | null; high: number | null; twin: number; measured: number };
}

export interface Agreement extends Both {
  kind: "agreement";
  system: string;
  scenario: string;
  facts: [string, string][];
  state: "good" | "bad" | "none";
  line: string;
  reasons: string[];
  notes: string[];
  findings: string[];
  told: string[];
  shares: { text: string; share: number }[];
  readings: Reading[];
  tables: Sheet[];
  traces: Sheet[];
  repeat: Repeat;
}

export interface Comparison extends Both {
  kind: "comparison";
  before: string;
  after: string;
  method: string;
  counts: string[];
  objectives: { subject: string; text: string; before: boolean | null; after: boolean | null; word: string }[];
  changes: Change[];
  table: Sheet;
  only: [string, string[]][];
  repeat: Repeat;
}
