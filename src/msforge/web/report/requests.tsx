import { useMemo } from "preact/hooks";
import { Chart, type Curve, type Cursor } from "../shared/chart.tsx";
import { Numbers, Panel, points } from "./panel.tsx";
import type { Entry, Run, Sheet, Time } from "./page.ts";

export function latency(entry: Entry): Curve[] {
  return [
    { label: "p99", values: entry.p99, unit: "ns", colour: 1, dash: 0 },
    { label: "p95", values: entry.p95, unit: "ns", colour: 2, dash: 1 },
    { label: "p50", values: entry.p50, unit: "ns", colour: 3, dash: 2 },
  ];
}

export function outcomes(entry: Entry): Curve[] {
  const failed = Object.entries(entry.failed).filter(([, values]) => values.some((value) => value));
  return [
    { label: "answered", values: entry.ok, unit: "per_second", colour: 3, dash: 0, filled: true },
    ...failed.map(
      ([outcome, values], i): Curve => ({ label: outcome, values, unit: "per_second", colour: i ? 3 + i : 5, dash: i + 1 }),
    ),
    { label: "arrived", values: entry.rate, unit: "per_second", colour: 6, dash: 2 },
  ];
}

export function RequestPanels({ run, cursor }: { run: Run; cursor: Cursor }) {
  const { time, entries } = run;
  return (
    <>
      <Panel
        id="latency"
        title="Latency over time"
        about="Of answered requests, by when they arrived, as their senders saw it. Hatched: faults; grey: not counted in tables, as the warm-up."
      >
        {entries.map((entry) => (
          <EntryChart key={entry.name} entry={entry} time={time} cursor={cursor} curves={latency} />
        ))}
        <Numbers sheets={[...run.requests.slice(0, 2), ...entries.map((entry) => table(entry, time, latency))]} />
      </Panel>
      <Panel id="throughput" title="Requests by outcome" about="Per second, by when they arrived.">
        {entries.map((entry) => (
          <EntryChart key={entry.name} entry={entry} time={time} cursor={cursor} curves={outcomes} />
        ))}
        <Numbers sheets={[...run.requests.slice(2), ...entries.map((entry) => table(entry, time, outcomes))]} />
        {time.note && <p class="note">{time.note}</p>}
      </Panel>
    </>
  );
}

function table(entry: Entry, time: Time, curves: (entry: Entry) => Curve[]): () => Sheet {
  return () => points(`${entry.name}, over time`, time, curves(entry));
}

interface Props {
  entry: Entry;
  time: Time;
  cursor: Cursor;
  curves: (entry: Entry) => Curve[];
}

function EntryChart({ entry, time, cursor, curves }: Props) {
  const drawn = useMemo(() => curves(entry), [entry]);
  return <Chart title={entry.name} axis={time} curves={drawn} cursor={cursor} />;
}
