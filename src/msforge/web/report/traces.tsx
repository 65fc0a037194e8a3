import { useState } from "preact/hooks";
import { duration } from "../shared/format.ts";
import { Numbers, Panel } from "./panel.tsx";
import type { Sheet, Span, Trace } from "./page.ts";

/** What a span's bar looks like: waiting, work of its own, or around others. */
export function look(span: Span): string {
  if (span.waiting) return "waiting";
  return ["work", "wait", "read", "write", "publish"].includes(span.kind) ? "working" : "around";
}

export function TracesPanel({ traces }: { traces: Trace[] }) {
  const [chosen, choose] = useState(0);
  const trace = traces[chosen];
  if (!trace) return null;
  return (
    <Panel id="traces" title="Single requests" about="Chosen ones, from the first replication, step by step.">
      <fieldset class="choice">
        <legend class="unseen">request</legend>
        {traces.map((one, i) => (
          <label key={i}>
            <input type="radio" name="trace" checked={chosen === i} onChange={() => choose(i)} />
            <span>{one.title}</span>
          </label>
        ))}
      </fieldset>
      <ul class="legend-list">
        <li>
          <i class="span-sample working" /> working
        </li>
        <li>
          <i class="span-sample waiting" /> waiting: for a thread, or backing off
        </li>
        <li>
          <i class="span-sample around" /> the time around its steps
        </li>
        <li>✗ failed</li>
        {trace.answer < trace.length && (
          <li>
            <i class="answer-sample" /> the client has its answer
          </li>
        )}
      </ul>
      <Waterfall trace={trace} />
      <Numbers sheets={[() => table(trace)]} />
    </Panel>
  );
}

function Waterfall({ trace }: { trace: Trace }) {
  return (
    <figure class="waterfall">
      <figcaption>{trace.about}</figcaption>
      <div role="img" aria-label={`Waterfall of ${trace.about}; the numbers are in the table below`}>
        {trace.rows.map((span, i) => (
          <Line key={i} span={span} trace={trace} />
        ))}
        <div class="span-row ruler">
          <span />
          <div class="track">
            {[0, 0.25, 0.5, 0.75, 1].map((share) => (
              <span key={share} style={{ left: `${share * 100}%` }}>
                {duration(share * trace.length)}
              </span>
            ))}
          </div>
        </div>
      </div>
      {trace.left > 0 && <p class="note">and {trace.left} spans more</p>}
    </figure>
  );
}

function Line({ span, trace }: { span: Span; trace: Trace }) {
  const whole = trace.length;
  const from = (span.begin / whole) * 100;
  const length = (span.length / whole) * 100;
  const late = from + length > 82;
  const style = { left: `${from}%`, width: `${length}%` };
  const inside = late && from < 10;
  const label = inside
    ? { right: `${Math.max(100 - from - length, 0) + 0.8}%` }
    : late
      ? { right: `${100 - from + 0.6}%` }
      : { left: `${from + length + 0.6}%` };
  return (
    <div class={span.failed ? "span-row failed" : "span-row"}>
      <span class="name" style={{ paddingLeft: `${Math.min(span.depth, 9) * 0.8}em` }}>
        {span.failed && "✗ "}
        {span.name}
        {span.where && !span.name.startsWith(span.where) && <small> {span.where}</small>}
      </span>
      <div class="track">
        {trace.answer < whole && <i class="answer" style={{ left: `${(trace.answer / whole) * 100}%` }} />}
        <i class={`span ${look(span)}`} style={style} />
        <small class={inside ? "inside" : ""} style={label}>
          {span.text}
        </small>
      </div>
    </div>
  );
}

function table(trace: Trace): Sheet {
  return {
    title: trace.about,
    columns: ["", "where", "kind", "began after", "took", "outcome"],
    rows: trace.rows.map((span) => [
      `${"· ".repeat(span.depth)}${span.name}`,
      span.where,
      span.kind,
      duration(span.begin),
      span.text,
      span.outcome,
    ]),
    names: 3,
    note: "",
  };
}
