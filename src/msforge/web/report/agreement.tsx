// A prediction and what was measured: the verdict, where they part, both over time, both readings of each figure.
import { useMemo } from "preact/hooks";
import { Cursor } from "../shared/chart.tsx";
import { longer, OverTime, Row } from "./comparison.tsx";
import { Numbers, Panel, Table, Words } from "./panel.tsx";
import { RepeatPanel } from "./rest.tsx";
import { TimeBar } from "./timebar.tsx";
import { Top } from "./top.tsx";
import { MARKS } from "./verdict.tsx";
import type { Agreement, Reading } from "./page.ts";

export function AgreementPage({ page }: { page: Agreement }) {
  const time = longer(page.sides[0].time, page.sides[1].time);
  const cursor = useMemo(() => new Cursor(time.start), [page]);
  const of = page.scenario ? `${page.system}, scenario ${page.scenario}` : page.system;
  return (
    <>
      <Top title="Predicted and measured" subtitle={of} facts={page.facts} />
      <VerdictOf page={page} />
      {time.points > 1 && <TimeBar axis={time} cursor={cursor} />}
      <OverTime page={page} cursor={cursor} time={time} />
      <Panel
        id="readings"
        title="Both readings"
        about="Box: where 95 % of simulated runs lie. Dashed: the twin, simulated with the same dice. Solid: measured."
      >
        <div class="changes">
          {page.readings.map((reading, i) => (
            <ReadingRow key={i} reading={reading} />
          ))}
        </div>
        {page.told.map((text) => (
          <p class="note" key={text}>
            {text}
          </p>
        ))}
        <Numbers sheets={page.tables} label="Every figure" />
      </Panel>
      {page.traces.length > 0 && (
        <Panel id="traces" title="One request, in both" about="Where they differ most. Times are since it was sent.">
          {page.traces.map((sheet) => (
            <Table key={sheet.title} sheet={sheet} />
          ))}
        </Panel>
      )}
      <RepeatPanel
        repeat={page.repeat}
        about="What is predicted is the same each time; what is measured is this machine's, on that day."
      />
    </>
  );
}

function VerdictOf({ page }: { page: Agreement }) {
  return (
    <Panel id="verdict" title="Verdict">
      <p class={`verdict ${page.state}`}>
        <span class="mark" aria-hidden="true">
          {page.state === "none" ? "?" : MARKS[page.state]}
        </span>
        {page.line}
      </p>
      {page.reasons.map((reason) => (
        <p class="warning" key={reason}>
          {reason}
        </p>
      ))}
      {page.findings.length > 0 && (
        <>
          <h3>{page.reasons.length ? "Where it differs, which proves nothing in this run" : "Where it differs"}</h3>
          <ol>
            {page.findings.map((text) => (
              <li key={text}>
                <Words text={text} />
              </li>
            ))}
          </ol>
        </>
      )}
      {page.shares.map((share) => (
        <div key={share.text}>
          <p>{share.text}</p>
          <span class="share-bar" aria-hidden="true">
            <i style={{ width: `${Math.min(share.share, 1) * 100}%` }} />
          </span>
        </div>
      ))}
      {page.notes.map((note) => (
        <p class="note" key={note}>
          {note}
        </p>
      ))}
    </Panel>
  );
}

function ReadingRow({ reading }: { reading: Reading }) {
  const { low, high, twin, measured } = reading.bar;
  return (
    <Row state={reading.state} row={reading} values={`${reading.twin} → ${reading.measured}`} small={reading.interval}>
      {low !== null && high !== null && (
        <rect class="reach" x={low * 100} width={Math.max((high - low) * 100, 0.8)} y="4" height="6" />
      )}
      <line class="twin" x1={twin * 100} x2={twin * 100} y1="0" y2="14" />
      <line class="value" x1={measured * 100} x2={measured * 100} y1="0" y2="14" />
    </Row>
  );
}
