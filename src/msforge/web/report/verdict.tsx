import { Panel, Words } from "./panel.tsx";
import type { EntryFacts, Objective, Verdict } from "./page.ts";

export const MARKS = { good: "✓", bad: "✗", none: "○" };

export function VerdictPanel({ verdict }: { verdict: Verdict }) {
  return (
    <Panel id="verdict" title="Verdict">
      <p class={`verdict ${verdict.state}`}>
        <span class="mark" aria-hidden="true">
          {MARKS[verdict.state]}
        </span>
        {verdict.line}
      </p>
      {verdict.warnings.map((warning) => (
        <p class="warning" key={warning}>
          <strong>Know first: </strong>
          {warning}
        </p>
      ))}
      <div class="objectives">
        {verdict.objectives.map((objective, i) => (
          <ObjectiveCard key={i} objective={objective} />
        ))}
      </div>
      <Entries entries={verdict.entries} />
      <div class="story">
        <div>
          <h3>Why</h3>
          <p class="headline">
            <Words text={verdict.headline} />
          </p>
          {verdict.told.length > 0 && (
            <ul>
              {verdict.told.map((text) => (
                <li key={text}>
                  <Words text={text} />
                </li>
              ))}
            </ul>
          )}
          {verdict.others.length > 0 && (
            <p class="note">
              {verdict.decided ? "Less likely: " : "The evidence does not decide; it may as well be: "}
              {verdict.others.join("; ")}
            </p>
          )}
        </div>
        {verdict.advice.length > 0 && (
          <div>
            <h3>What to try</h3>
            <ol>
              {verdict.advice.map((idea) => (
                <li key={idea}>
                  <Words text={idea} />
                </li>
              ))}
            </ol>
          </div>
        )}
      </div>
    </Panel>
  );
}

function ObjectiveCard({ objective }: { objective: Objective }) {
  const { bar } = objective;
  return (
    <article class={`objective ${objective.met ? "good" : "bad"}`}>
      <p class="subject">{objective.subject}</p>
      <p class="wanted">{objective.text}</p>
      <p class="measured">
        {objective.measured}{" "}
        <span class="word">
          <span aria-hidden="true">{objective.met ? "✓" : "✗"}</span> {objective.word}
        </span>
      </p>
      {bar && (
        <svg class="scale" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">
          <rect class="scale-way" x="0" y="5" width="100" height="4" />
          <rect
            class="wanted-side"
            x={objective.less ? 0 : bar.limit * 100}
            y="5"
            width={(objective.less ? bar.limit : 1 - bar.limit) * 100}
            height="4"
          />
          <rect class="interval" x={bar.low * 100} y="3" width={Math.max((bar.high - bar.low) * 100, 0.6)} height="8" />
          <line class="limit" x1={bar.limit * 100} x2={bar.limit * 100} y1="0" y2="14" />
        </svg>
      )}
      {bar && <p class="note">dashed: the limit, {objective.limit}; black: measured; green: where it is met</p>}
    </article>
  );
}

export function Entries({ entries }: { entries: EntryFacts[] }) {
  return (
    <div class="entries">
      {entries.map((entry) => (
        <dl class="tiles" key={entry.name} aria-label={entry.name}>
          <div class="who">
            <dt class="unseen">requests</dt>
            <dd>{entry.name}</dd>
          </div>
          <Tile name="rate" value={entry.rate} />
          <Tile name="success" value={entry.success} />
          <Tile name="p50" value={entry.p50} />
          <Tile name="p99" value={entry.p99} />
        </dl>
      ))}
    </div>
  );
}

export function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
