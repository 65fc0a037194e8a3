// Who was busy when: a row for each service and store, a cell for each point, darker for more.
import { useState } from "preact/hooks";
import type { Cursor, Values } from "../shared/chart.tsx";
import { figure } from "../shared/format.ts";
import { Numbers, Panel } from "./panel.tsx";
import { CursorLine, useAt } from "./timebar.tsx";
import type { Row, Run, Time } from "./page.ts";

const LEVELS = 20;

export interface Cell {
  from: number;
  to: number;
  /** 0 ... LEVELS; -1 where there is no value. */
  level: number;
}

/** Neighbours of one shade as one cell; `most` is the value of the darkest. */
export function cells(values: Values, most: number, root = false): Cell[] {
  const made: Cell[] = [];
  values.forEach((value, i) => {
    const share = value === null || most <= 0 ? (value === null ? -1 : 0) : Math.min(value / most, 1);
    const level = share < 0 ? -1 : Math.round((root ? Math.sqrt(share) : share) * LEVELS);
    const last = made[made.length - 1];
    if (last && last.level === level) last.to = i + 1;
    else made.push({ from: i, to: i + 1, level });
  });
  return made;
}

type What = "load" | "queue";

export function HeatPanel({ run, cursor }: { run: Run; cursor: Cursor }) {
  const [what, choose] = useState<What>("load");
  const rows = run.rows.filter((row) => row[what].some((value) => value !== null));
  const most = what === "load" ? 1 : Math.max(...run.rows.flatMap((row) => row.queue).map((value) => value ?? 0), 0);
  return (
    <Panel id="load" title="Load and queues" about="Each row is a service or a store over time; darker is more.">
      <fieldset class="choice">
        <legend class="unseen">what the rows show</legend>
        {(["load", "queue"] as const).map((value) => (
          <label key={value}>
            <input type="radio" name="heat" checked={what === value} onChange={() => choose(value)} />
            <span>{value === "load" ? "threads busy" : "requests waiting"}</span>
          </label>
        ))}
        <span class="ramp" aria-hidden="true">
          0 <i /> {figure(most, what === "load" ? "ratio" : "count")}
        </span>
      </fieldset>
      <div class="heat">
        {rows.map((row) => (
          <HeatRow key={row.name} row={row} what={what} most={most} time={run.time} cursor={cursor} />
        ))}
      </div>
      <Numbers sheets={run.services} />
    </Panel>
  );
}

interface RowProps {
  row: Row;
  what: What;
  most: number;
  time: Time;
  cursor: Cursor;
}

function HeatRow({ row, what, most, time, cursor }: RowProps) {
  const [open, toggle] = useState(false);
  const parts = row.parts.length > 1 ? row.parts : [];
  return (
    <>
      <div class="heat-row">
        {parts.length ? (
          <button type="button" aria-expanded={open} onClick={() => toggle(!open)}>
            <span class="name">{row.name}</span>
            <span class="unseen"> replicas</span>
          </button>
        ) : (
          <span class="name">{row.name}</span>
        )}
        <Strip values={row[what]} what={what} most={most} time={time} cursor={cursor} />
      </div>
      {open &&
        parts.map((part) => (
          <div class="heat-row part" key={part.name}>
            <span class="name">{part.name}</span>
            <Strip values={part[what]} what={what} most={most} time={time} cursor={cursor} />
          </div>
        ))}
    </>
  );
}

interface StripProps {
  values: Values;
  what: What;
  most: number;
  time: Time;
  cursor: Cursor;
}

function Strip({ values, what, most, time, cursor }: StripProps) {
  return (
    <>
      <div
        class="strip"
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const share = (event.clientX - box.left) / box.width;
          cursor.set(Math.min(Math.max(Math.floor(share * time.points), 0), time.points - 1));
        }}
      >
        <Cells values={values} most={most} root={what === "queue"} />
        <CursorLine time={time} cursor={cursor} />
      </div>
      <ValueAt values={values} what={what} cursor={cursor} />
    </>
  );
}

function ValueAt({ values, what, cursor }: { values: Values; what: What; cursor: Cursor }) {
  return <output>{figure(values[useAt(cursor)], what === "load" ? "ratio" : "count")}</output>;
}

function Cells({ values, most, root }: { values: Values; most: number; root: boolean }) {
  return (
    <svg viewBox={`0 0 ${values.length} 1`} preserveAspectRatio="none" aria-hidden="true">
      {cells(values, most, root).map((cell) => (
        <rect
          key={cell.from}
          x={cell.from}
          width={cell.to - cell.from + 0.02}
          y="0"
          height="1"
          style={{
            fill:
              cell.level < 0
                ? "transparent"
                : `color-mix(in oklab, var(--heat-1) ${(cell.level / LEVELS) * 100}%, var(--heat-0))`,
          }}
        />
      ))}
    </svg>
  );
}
