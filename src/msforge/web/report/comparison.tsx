// Two runs laid over each other: before dashed, after solid; each difference with its interval.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { Chart, Cursor, type Curve, type Values } from "../shared/chart.tsx";
import type { Unit } from "../shared/format.ts";
import { Numbers, Panel, points, Table, Words } from "./panel.tsx";
import { Top } from "./top.tsx";
import { RepeatPanel } from "./rest.tsx";
import { TimeBar } from "./timebar.tsx";
import { Entries } from "./verdict.tsx";
import type { Both, Change, Comparison, Entry, Time } from "./page.ts";

export function ComparisonPage({ page }: { page: Comparison }) {
  const time = longer(page.sides[0].time, page.sides[1].time);
  const cursor = useMemo(() => new Cursor(time.start), [page]);
  return (
    <>
      <Top title="Before and after" subtitle={`${page.before} and ${page.after}`} facts={[["method", page.method]]} />
      <TimeBar axis={time} cursor={cursor} />
      <Panel id="verdict" title="What changed">
        <div class="sides">
          {page.sides.map((side, i) => (
            <div key={i}>
              <h3>
                {i ? "After" : "Before"}: {i ? page.after : page.before}
              </h3>
              <p class={`verdict ${side.state}`}>{side.line}</p>
              <Entries entries={side.entriesTold} />
              <p class="headline">
                <Words text={side.headline} />
              </p>
            </div>
          ))}
        </div>
        <Table
          sheet={{
            title: "Objectives",
            columns: ["", "", "before", "after", "figure"],
            rows: page.objectives.map((o) => [o.subject, o.text, met(o.before), met(o.after), o.word]),
            names: 5,
            note: "",
          }}
        />
        <p class="note">{page.counts.join(", ")}.</p>
      </Panel>
      <OverTime page={page} cursor={cursor} time={time} />
      <Panel
        id="changes"
        title="Differences"
        about="After less before, with 95 % intervals, as shares of what it was before: those that are more than noise."
      >
        <div class="changes">
          {page.changes.map((change, i) => (
            <ChangeRow key={i} change={change} most={span(page.changes)} />
          ))}
        </div>
        {!page.changes.length && <p>Nothing changed by more than the noise.</p>}
        {page.only.map(([side, names]) => (
          <p class="note" key={side}>
            only {side}: {names.join(", ")}
          </p>
        ))}
        <Numbers sheets={[page.table]} label="Every figure" />
      </Panel>
      <RepeatPanel repeat={page.repeat} />
    </>
  );
}

function met(value: boolean | null): string {
  return value === null ? "not there" : value ? "✓ met" : "✗ missed";
}

export function longer(one: Time, other: Time): Time {
  return one.points * one.width >= other.points * other.width ? one : other;
}

/** Values of one run on another's axis: each point is that of the same moment. */
export function onto(values: Values, from: Time, to: Time): Values {
  return Array.from({ length: to.points }, (_, i) => {
    const at = Math.floor((to.begin + (i + 0.5) * to.width - from.begin) / from.width);
    return at >= 0 && at < values.length ? (values[at] ?? null) : null;
  });
}

interface Pair {
  title: string;
  curves: Curve[];
}

/** What both runs have, on one axis. */
export function pairs(page: Both, time: Time): Pair[] {
  const [before, after] = page.sides;
  const made: Pair[] = [];
  const add = (title: string, pick: (entry: Entry) => Values, unit: Unit, one: Entry, other: Entry) =>
    made.push({
      title,
      curves: [
        { label: page.labels[0], values: onto(pick(one), before.time, time), unit, colour: 2, dash: 1 },
        { label: page.labels[1], values: onto(pick(other), after.time, time), unit, colour: 1, dash: 0 },
      ],
    });
  for (const one of before.entries) {
    const other = after.entries.find((entry) => entry.name === one.name);
    if (!other) continue;
    add(`${one.name}: p99`, (entry) => entry.p99, "ns", one, other);
    add(`${one.name}: p50`, (entry) => entry.p50, "ns", one, other);
    add(`${one.name}: answered per second`, (entry) => entry.ok, "per_second", one, other);
  }
  return made;
}

/** Both runs, drawn over each other. */
export function OverTime({ page, cursor, time }: { page: Both; cursor: Cursor; time: Time }) {
  const entries = useMemo(() => pairs(page, time), [page]);
  const loads = useMemo(() => busiest(page, time), [page]);
  return (
    <>
      <Panel id="latency" title="Over time" about={`Dashed: ${page.labels[0]}. Solid: ${page.labels[1]}.`}>
        {entries.map((pair) => (
          <Chart key={pair.title} title={pair.title} axis={time} curves={pair.curves} cursor={cursor} height={170} />
        ))}
        <Numbers sheets={entries.map((pair) => () => points(pair.title, time, pair.curves))} />
      </Panel>
      {loads.length > 0 && (
        <Panel id="load" title="Load" about="Threads or connections busy, of the busiest in either run.">
          <div class="pair">
            {loads.map((pair) => (
              <Chart key={pair.title} title={pair.title} axis={time} curves={pair.curves} cursor={cursor} height={120} top={1} />
            ))}
          </div>
          <Numbers sheets={loads.map((pair) => () => points(pair.title, time, pair.curves))} />
        </Panel>
      )}
    </>
  );
}

function busiest(page: Both, time: Time): Pair[] {
  const [before, after] = page.sides;
  const found = before.rows.flatMap((one) => {
    const other = after.rows.find((row) => row.name === one.name && row.kind === one.kind);
    if (!other) return [];
    const most = Math.max(...[...one.load, ...other.load].map((value) => value ?? 0));
    const curves: Curve[] = [
      { label: page.labels[0], values: onto(one.load, before.time, time), unit: "ratio", colour: 2, dash: 1 },
      { label: page.labels[1], values: onto(other.load, after.time, time), unit: "ratio", colour: 1, dash: 0 },
    ];
    return most > 0 ? [{ most, title: one.name, curves }] : [];
  });
  return found.sort((one, other) => other.most - one.most).slice(0, 6);
}

/** How far the scale of the intervals reaches: most of them, at most ten times what it was. */
export function span(changes: Change[]): number {
  const ends = changes.flatMap((change) => change.bar ?? []).map(Math.abs);
  return Math.min(Math.max(...ends, 0.01), 10) * 1.05;
}

function ChangeRow({ change, most }: { change: Change; most: number }) {
  const at = (share: number) => 50 + Math.min(Math.max(share / most, -1), 1) * 50;
  const { bar } = change;
  return (
    <Row state={change.verdict} row={change} values={`${change.before} → ${change.after}`} small={change.relative}>
      <line class="zero" x1="50" x2="50" y1="0" y2="14" />
      {bar && <rect class="reach" x={at(bar[0])} width={Math.max(at(bar[2]) - at(bar[0]), 0.8)} y="4" height="6" />}
      {bar && <line class="value" x1={at(bar[1])} x2={at(bar[1])} y1="1" y2="13" />}
    </Row>
  );
}

interface RowProps {
  state: string;
  row: { subject: string; metric: string; text: string; word: string };
  values: string;
  small: string;
  children: ComponentChildren;
}

/** A figure of two runs: what it is, both values, a picture 100 wide and 14 high, the difference, and a word on it. */
export function Row({ state, row, values, small, children }: RowProps) {
  return (
    <div class={`change ${state}`}>
      <span class="name">
        <span title={row.subject}>{row.subject}</span> <small>{row.metric}</small>
      </span>
      <span class="values">{values}</span>
      <svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">
        {children}
      </svg>
      <span class="text">
        {row.text} <small>{small}</small>
      </span>
      <span class="word">{row.word}</span>
    </div>
  );
}
