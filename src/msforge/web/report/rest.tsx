// Storm, channels, cost, and how to have the same numbers again.
import { useMemo } from "preact/hooks";
import { Chart, type Curve, type Cursor } from "../shared/chart.tsx";
import { Numbers, Panel, points, Table } from "./panel.tsx";
import { Tile } from "./verdict.tsx";
import type { Repeat, Run } from "./page.ts";

export function StormPanel({ run, cursor }: { run: Run; cursor: Cursor }) {
  const { storm, time } = run;
  const curves = useMemo(
    () => storm.edges.map((edge): Curve => ({ label: edge.name, values: edge.attempts, unit: "count" })),
    [storm],
  );
  return (
    <Panel
      id="storm"
      title="Retries and recovery"
      about="A storm is when tries multiply, and services work for callers who have gone."
    >
      <dl class="tiles wide">
        {storm.figures.map((figure) => (
          <Tile key={figure.name} name={figure.name} value={figure.text} />
        ))}
      </dl>
      {curves.length > 0 && <Chart title="Tries per call" axis={time} curves={curves} cursor={cursor} height={160} />}
      <Table sheet={storm.recoveries} />
      <Numbers sheets={[storm.calls, ...(curves.length ? [() => points("Tries per call, over time", time, curves)] : [])]} />
    </Panel>
  );
}

export function ChannelsPanel({ run, cursor }: { run: Run; cursor: Cursor }) {
  const { channels, time } = run;
  if (!channels.length) return null;
  return (
    <Panel id="channels" title="Channels" about="Messages that wait, and how long the oldest has.">
      {channels.map((channel) => (
        <Channel key={channel.name} channel={channel} run={run} cursor={cursor} />
      ))}
      <Numbers
        sheets={[
          run.channelTable,
          ...channels.map((channel) => () => points(`${channel.name}, over time`, time, [...flow(channel), ...age(channel)])),
        ]}
      />
    </Panel>
  );
}

type Messages = Run["channels"][number];

function flow(channel: Messages): Curve[] {
  return [
    { label: "backlog", values: channel.backlog, unit: "count", colour: 4, filled: true },
    { label: "published per second", values: channel.published, unit: "count", colour: 2, dash: 1 },
    { label: "done per second", values: channel.done, unit: "count", colour: 3, dash: 2 },
  ];
}

function age(channel: Messages): Curve[] {
  return [{ label: "age of the oldest", values: channel.age, unit: "ns", colour: 5, dash: 0 }];
}

function some(curves: Curve[]): boolean {
  return curves.some((curve) => curve.values.some((value) => value));
}

function Channel({ channel, run, cursor }: { channel: Messages; run: Run; cursor: Cursor }) {
  const [flows, ages] = useMemo(() => [flow(channel), age(channel)], [channel]);
  if (!some(flows)) return <p class="note">{channel.name}: nothing came through it.</p>;
  if (!some(ages)) {
    return (
      <>
        <Chart title={`${channel.name}: messages`} axis={run.time} curves={flows} cursor={cursor} height={150} />
        <p class="note">{channel.name}: at no point's end did a message wait.</p>
      </>
    );
  }
  return (
    <div class="pair">
      <Chart title={`${channel.name}: messages`} axis={run.time} curves={flows} cursor={cursor} height={150} />
      <Chart title={`${channel.name}: age of the oldest`} axis={run.time} curves={ages} cursor={cursor} height={150} />
    </div>
  );
}

export function CostPanel({ cost }: { cost: Run["cost"] }) {
  if (!cost) return null;
  return (
    <Panel id="cost" title="Cost" about="At this run's load, in the file's own currency.">
      <dl class="tiles wide">
        <Tile name="per month" value={cost.total} />
        <Tile name="per million answered requests" value={cost.million} />
      </dl>
      <div class="bars">
        {cost.bars.map((bar) => (
          <div class="bar-row" key={bar.name}>
            <span class="name">{bar.name}</span>
            <div class="bar">
              <i class="amount" style={{ width: `${bar.share * 100}%` }} />
            </div>
            <span class="value">{bar.text}</span>
          </div>
        ))}
      </div>
      <Numbers sheets={[cost.table]} />
    </Panel>
  );
}

const SAME = "The same file, seed and version give the same numbers.";

export function RepeatPanel(props: { repeat: Repeat; notes?: Run["notes"]; about?: string }) {
  const { repeat, notes } = props;
  return (
    <Panel id="repeat" title="The same again" about={props.about ?? SAME}>
      <pre tabIndex={0} aria-label="command">
        <code>{repeat.command}</code>
      </pre>
      <dl class="facts">
        {repeat.facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {notes && (
        <>
          <h3>How to read this</h3>
          <ul class="small">
            {notes.said.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
          <Numbers sheets={[notes.checks]} label="Checks" />
        </>
      )}
    </Panel>
  );
}
