// What every panel is made of: a heading that can be linked to, a sentence, a picture, and the numbers behind it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Axis, Curve } from "../shared/chart.tsx";
import { figure, moment } from "../shared/format.ts";
import type { Sheet } from "./page.ts";

export function Panel(props: { id: string; title: string; about?: string; children: ComponentChildren }) {
  return (
    <section class="panel" id={props.id} aria-labelledby={`${props.id}-title`}>
      <h2 id={`${props.id}-title`}>{props.title}</h2>
      {props.about && <p class="about">{props.about}</p>}
      {props.children}
    </section>
  );
}

/** A sentence in which `words like these` are set as code. */
export function Words({ text }: { text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}

/** A table; the first columns are words, the others numbers. */
export function Table({ sheet }: { sheet: Sheet }) {
  if (!sheet.rows.length) return null;
  return (
    <div class="sheet" tabIndex={0} role="group" aria-label={sheet.title}>
      <table>
        <caption>{sheet.title}</caption>
        <thead>
          <tr>
            {sheet.columns.map((column, i) => (
              <th key={i} scope="col" class={i < sheet.names ? "" : "number"}>
                {column || <span class="unseen">name</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sheet.rows.map((row, n) => (
            <tr key={n}>
              {row.map((cell, i) =>
                i === 0 ? (
                  <th key={i} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={i} class={i < sheet.names ? "" : "number"}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {sheet.note && <p class="note">{sheet.note}</p>}
    </div>
  );
}

/** Tables behind a picture, drawn once somebody opens them. */
export function Numbers({ sheets, label = "The numbers" }: { sheets: (Sheet | (() => Sheet))[]; label?: string }) {
  const [opened, open] = useState(false);
  const some = sheets.filter((sheet) => typeof sheet === "function" || sheet.rows.length);
  if (!some.length) return null;
  return (
    <details class="numbers" onToggle={() => open(true)}>
      <summary>{label}</summary>
      {opened && some.map((sheet, i) => <Table key={i} sheet={typeof sheet === "function" ? sheet() : sheet} />)}
    </details>
  );
}

/** The points of a chart as a table. */
export function points(title: string, axis: Axis, curves: Curve[]): Sheet {
  return {
    title,
    columns: ["from", ...curves.map((curve) => curve.label)],
    rows: Array.from({ length: axis.points }, (_, i) => [
      moment(axis.begin + i * axis.width),
      ...curves.map((curve) => figure(curve.values[i], curve.unit)),
    ]),
    names: 1,
    note: "",
  };
}
