import { useState } from "preact/hooks";
import { Numbers, Panel } from "./panel.tsx";
import { FILLS, Swatch } from "./patterns.tsx";
import type { Band, Slow } from "./page.ts";

/** Where each part of a bar begins and how long it is, per cent of the whole. */
export function stacked(parts: number[]): { from: number; length: number }[] {
  const some = parts.map((part) => Math.max(part, 0));
  const total = some.reduce((sum, part) => sum + part, 0) || 1;
  let from = 0;
  return some.map((part) => {
    const length = (part / total) * 100;
    from += length;
    return { from: from - length, length };
  });
}

export function SlowPanel({ slow }: { slow: Slow | null }) {
  const worst = slow?.bands.find((band) => band.key === ">p99") ?? slow?.bands[0];
  const [chosen, choose] = useState(worst?.key ?? "");
  if (!slow) return null;
  const rows = slow.rows.filter((row) => row.bands[chosen]);
  return (
    <Panel
      id="slow"
      title="Where the time goes"
      about="Of the requests in one band of latency, all of them together. The first rows are what senders waited for; below, each service's own requests, in the same band of its own latency: that is what “other services” is made of."
    >
      <fieldset class="choice">
        <legend class="unseen">band of latency</legend>
        {slow.bands.map((band) => (
          <label key={band.key}>
            <input type="radio" name="band" checked={chosen === band.key} onChange={() => choose(band.key)} />
            <span>{band.words}</span>
          </label>
        ))}
      </fieldset>
      <ul class="legend-list">
        {slow.kinds.map((kind) => (
          <li key={kind.key}>
            <Swatch kind={kind.key} /> {kind.words}
          </li>
        ))}
      </ul>
      <div class="bars">
        {rows.map((row) => (
          <Bar key={row.name} name={row.name} first={row.kind === "entry"} band={row.bands[chosen]!} kinds={slow.kinds} />
        ))}
      </div>
      <Numbers sheets={[slow.table]} />
    </Panel>
  );
}

function Bar(props: { name: string; first: boolean; band: Band; kinds: Slow["kinds"] }) {
  const { name, first, band, kinds } = props;
  const said = kinds.map((kind, i) => `${kind.words} ${band.shares[i]}`).join(", ");
  return (
    <div class={first ? "bar-row first" : "bar-row"}>
      <span class="name">{name}</span>
      <div class="bar" role="img" aria-label={`${band.text}: ${said}`} title={said}>
        <svg width="100%" height="20">
          {stacked(band.parts).map(({ from, length }, i) => (
            <rect
              key={i}
              x={`${from}%`}
              width={`${length}%`}
              y="0.5"
              height="19"
              class="part"
              style={{ fill: FILLS[kinds[i]!.key] }}
            />
          ))}
        </svg>
      </div>
      <span class="value">{band.text}</span>
    </div>
  );
}
