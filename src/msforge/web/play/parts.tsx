// The pieces around the graph: tiles, the log, the selected part's numbers.
import { count, duration, NOTHING, percent } from "../shared/format.ts";
import { clock } from "./charts.ts";
import { perSecond } from "./scale.ts";
import type { Selected } from "./stage.ts";
import type { Frame, News } from "./types.ts";

const FAILING = 0.01;

export function Tiles({ frame }: { frame: Frame | null }) {
  const tiles = frame?.tiles;
  const ms = (value: number | null | undefined) => (value === null || value === undefined ? NOTHING : duration(value * 1e6));
  const failed = tiles?.failed ?? null;
  return (
    <dl class="tiles">
      <Tile name="Answers" id="rate" value={tiles ? perSecond(tiles.rate) : NOTHING} />
      <Tile name="p50" id="p50" value={ms(tiles?.p50)} />
      <Tile name="p99" id="p99" value={ms(tiles?.p99)} />
      <Tile name="Errors" id="failed" value={failed === null ? NOTHING : percent(failed)} bad={(failed ?? 0) >= FAILING} />
    </dl>
  );
}

function Tile({ name, id, value, bad = false }: { name: string; id: string; value: string; bad?: boolean }) {
  return (
    <div class={bad ? "tile bad" : "tile"}>
      <dt>{name}</dt>
      <dd data-tile={id}>{value}</dd>
    </div>
  );
}

const WORDS: Record<string, string> = {
  fault_begin: "begins",
  fault_end: "ends",
  crash: "crashed",
  ready: "is ready",
  breaker: "circuit breaker",
  scale: "replicas",
  deploy: "deploy",
  cold_start: "cold start",
  rebalance: "rebalance",
};

export function sentence(news: News): string {
  if (news.kind === "change") return `${news.subject.replace(/^(services|traffic|stores)\./, "")} = ${news.detail}`;
  if (news.kind === "breaker") return `${news.subject}: breaker ${news.detail}`;
  if (news.kind === "scale") return `${news.subject}: ${news.detail} replicas`;
  return [news.subject, WORDS[news.kind] ?? news.kind, news.kind.startsWith("fault") ? "" : news.detail].filter(Boolean).join(" ");
}

export function Log({ log }: { log: News[] }) {
  return (
    <section class="log" aria-label="What happened">
      <h2>What happened</h2>
      {log.length === 0 && <p class="quiet">Nothing yet: turn something.</p>}
      <ol>
        {log.slice(-60).reverse().map((news, i) => (
          <li key={`${news.time} ${log.length - i}`} class={news.kind}>
            <time>{clock(news.time)}</time> <span>{sentence(news)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The numbers of the selected part. */
export function Numbers({ frame, what }: { frame: Frame | null; what: Selected }) {
  if (!frame || what === null) return null;
  const rows: [string, string][] = [];
  const service = frame.services[what];
  if (service) {
    rows.push(
      ["Replicas ready", `${service.ready} of ${service.replicas}`],
      ["Threads busy", service.slots === null ? count(service.busy) : `${count(service.busy)} of ${count(service.slots)}`],
      ["Waiting", count(service.waiting)],
      ["Requests", perSecond(service.rate)],
      ["Errors", percent(service.failed)],
    );
  }
  const store = frame.stores[what];
  if (store) {
    const of = store.connections === null ? "" : ` of ${count(store.connections)}`;
    rows.push(["Connections busy", count(store.busy) + of], ["Waiting", count(store.waiting)], ["Operations", perSecond(store.rate)]);
  }
  const channel = frame.channels[what];
  if (channel) {
    rows.push(["Waiting", count(channel.backlog)], ["Delivered, not done", count(channel.unacked)],
      ["Done", perSecond(channel.rate)], ["Oldest", duration(channel.oldest * 1e9)]);
  }
  if (frame.sources[what] !== undefined) rows.push(["Arrivals", perSecond(frame.sources[what])]);
  if (typeof what === "number") {
    const now = frame.arrows[what]!;
    rows.push(["Tries", perSecond(now.rate)], ["Failed", percent(now.failed)]);
    const states = frame.breakers[what];
    if (states) rows.push(["Breakers", `${states[0]} closed, ${states[1]} open, ${states[2]} half-open`]);
  }
  return (
    <dl class="numbers">
      {rows.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
