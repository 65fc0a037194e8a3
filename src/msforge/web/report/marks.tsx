import type { Axis, Cursor, Values } from "../shared/chart.tsx";
import { count, moment } from "../shared/format.ts";
import { Numbers, Panel } from "./panel.tsx";
import { CursorLine, place } from "./timebar.tsx";
import type { Marks, Time } from "./page.ts";

const SIGNS: Record<string, string> = { crash: "✗", ready: "▲", deploy: "◆", scale: "↕", rebalance: "⇄" };

/** A step line through values, in a box of their number and 1. */
export function steps(values: Values): string {
  const most = Math.max(...values.map((value) => value ?? 0), 1);
  const heights = values.map((value) => 1 - (value ?? 0) / most);
  return heights.map((y, i) => `${i ? "V" : "M0 "}${y.toFixed(3)}H${i + 1}`).join("");
}

export function MarksPanel({ marks, time, cursor }: { marks: Marks; time: Time; cursor: Cursor }) {
  if (!marks.breakers.length && !marks.replicas.length && !marks.happenings.length) return null;
  return (
    <Panel
      id="marks"
      title="Breakers, replicas, deployments"
      about="As in the first replication; numbers of replicas are means of all."
    >
      <div class="lanes">
        {marks.breakers.map((lane) => (
          <Lane key={lane.name} name={lane.name} what="breaker" time={time} cursor={cursor}>
            {lane.spans.map((span, i) => (
              <i
                key={i}
                class={`state ${span.state}`}
                title={`${span.state} from ${moment(span.begin)} to ${moment(span.end)}`}
                style={{ left: `${place(time, span.begin)}%`, right: `${100 - place(time, span.end)}%` }}
              />
            ))}
          </Lane>
        ))}
        {marks.replicas.map((lane) => (
          <Lane key={lane.name} name={lane.name} what="replicas" time={time} cursor={cursor}>
            <svg viewBox={`0 0 ${lane.values.length} 1`} preserveAspectRatio="none" aria-hidden="true">
              <path d={steps(lane.values)} />
            </svg>
            <small>up to {count(Math.max(...lane.values.map((value) => value ?? 0)))}</small>
          </Lane>
        ))}
        {marks.happenings.map((lane) => (
          <Lane key={lane.name} name={lane.name} what="" time={time} cursor={cursor}>
            {lane.marks.map((mark, i) => (
              <b
                key={i}
                title={`${mark.kind} ${mark.detail} at ${moment(mark.time)}`}
                style={{ left: `${place(time, mark.time)}%` }}
              >
                {SIGNS[mark.kind] ?? "•"}
              </b>
            ))}
          </Lane>
        ))}
      </div>
      <ul class="legend-list">
        {marks.breakers.length > 0 && (
          <>
            <li>
              <i class="lane-sample open" /> breaker open
            </li>
            <li>
              <i class="lane-sample half-open" /> half-open
            </li>
          </>
        )}
        {[...new Set(marks.happenings.flatMap((lane) => lane.marks.map((mark) => mark.kind)))].map((kind) => (
          <li key={kind}>
            <b>{SIGNS[kind] ?? "•"}</b> {kind}
          </li>
        ))}
      </ul>
      {marks.left > 0 && <p class="note">and {marks.left} breakers more; the table has all</p>}
      <Numbers sheets={marks.tables} />
    </Panel>
  );
}

interface LaneProps {
  name: string;
  what: string;
  time: Axis;
  cursor: Cursor;
  children: preact.ComponentChildren;
}

function Lane({ name, what, time, cursor, children }: LaneProps) {
  return (
    <div class="lane">
      <span class="name">
        {name} {what && <small>{what}</small>}
      </span>
      <div class="track">
        {time.faults.map((fault, i) => (
          <i
            key={i}
            class="fault"
            style={{ left: `${place(time, fault.begin)}%`, right: `${100 - place(time, fault.end)}%` }}
          />
        ))}
        {children}
        <CursorLine time={time} cursor={cursor} />
      </div>
    </div>
  );
}
