// The playground: the page around one running session.
import { render } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./play.css";
import { Chart, clock, LATENCY, THROUGHPUT, type Kind } from "./charts.ts";
import { NOTHING } from "../shared/format.ts";
import { act, listen, yaml } from "./feed.ts";
import { Knobs } from "./knobs.tsx";
import { carried, fragment } from "./link.ts";
import { Log, Numbers, Tiles } from "./parts.tsx";
import { Stage, type Selected } from "./stage.ts";
import type { Frame, Hello, Knob, News, Second, State, Status, Value } from "./types.ts";

const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100];
const KEPT = 900;
const LINKED = 1000; // ms between two looks at the address

function App() {
  const [hello, setHello] = useState<Hello | null>(null);
  const [status, setStatus] = useState<Status | null>(null);
  const [frame, setFrame] = useState<Frame | null>(null);
  const [rows, setRows] = useState<Second[]>([]);
  const [log, setLog] = useState<News[]>([]);
  const [connected, setConnected] = useState(true);
  const [said, say] = useState("");
  const [selected, select] = useState<Selected>(null);
  const [offered, offer] = useState<State | null>(null);
  const stage = useRef<Stage | null>(null);
  const session = useRef<State | null>(carried(location.hash));
  const met = useRef(false); // whether this page has seen a server
  const now = useRef({ paused: false, speed: 1, time: 0 });

  useEffect(() => listen({
    hello: (next, first) => {
      const before = session.current;
      if (first && before && before.run !== next.run && worth(before) && !same(before, next)) {
        if (next.status.deeds.length === 0 && next.status.time === 0) void restore(before, met.current);
        else offer(before);
      }
      met.current = true;
      session.current = null;
      now.current = { paused: next.status.paused, speed: next.status.speed, time: next.status.time };
      setHello(next);
      setStatus(next.status);
      setFrame(null);
      setRows(next.seconds);
      setLog(next.log);
    },
    frame: (next) => {
      stage.current?.update(next, now.current.speed);
      now.current.time = Math.round(next.time * 1000);
      setFrame(next);
      if (next.seconds.length) setRows((known) => [...known, ...next.seconds].slice(-KEPT));
      if (next.news.length) setLog((known) => [...known, ...next.news].slice(-200));
    },
    status: (next) => {
      now.current = { paused: next.paused, speed: next.speed, time: next.time };
      setStatus(next);
    },
    connected: setConnected,
  }), []);

  const doIt = useCallback(async (action: Record<string, unknown>) => say(await act(action)), []);
  const restore = useCallback(async (state: State, go = false) => {
    offer(null);
    say(await act({ do: "restore", state, go }));
  }, []);

  useEffect(() => {
    stage.current?.pause(status?.paused === true && frame?.goal == null);
  }, [status?.paused, frame?.goal]);

  // The address carries the session, and so does this page when the server goes.
  useEffect(() => {
    if (!hello || !status) return undefined;
    const remember = () => {
      const state = { run: hello.run, scenario: hello.scenario, time: now.current.time, deeds: status.deeds };
      session.current = state;
      const next = fragment(state);
      if (next !== location.hash) history.replaceState(null, "", next);
    };
    const timer = setInterval(remember, LINKED);
    return () => clearInterval(timer);
  }, [hello, status]);

  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      const on = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || on.closest("input, select, textarea, button, [role=button], dialog")) return;
      if (event.key === " ") {
        event.preventDefault();
        void doIt({ do: now.current.paused ? "go" : "pause" });
      } else if (event.key === ".") void doIt({ do: "step", value: 1 });
      else if (event.key === "p") present();
      else if (event.key === "Escape") select(null);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);

  if (!hello || !status) return <p class="waiting" role="status">{connected ? "Connecting…" : "The server does not answer. Is msforge play still running?"}</p>;
  return (
    <div class={selected === null ? "play" : "play with-one"}>
      <Top hello={hello} status={status} frame={frame} doIt={doIt} say={say} restyled={() => stage.current?.paint()} />
      <Notices {...{ connected, frame, status, said, offered }} dismiss={() => say("")} take={restore} leave={() => offer(null)} reset={() => doIt({ do: "reset" })} />
      <Tiles frame={frame} />
      <Graph hello={hello} stage={stage} selected={selected} select={select} per={frame?.per_dot ?? 1} />
      <Side {...{ hello, status, frame, selected, select }} turn={(knob, value) => doIt({ do: "turn", knob: knob.id, value })} />
      <div class="charts">
        <Series key={`${hello.run} t`} kind={THROUGHPUT} rows={rows} log={log} />
        <Series key={`${hello.run} l`} kind={LATENCY} rows={rows} log={log} />
      </div>
      <Log log={log} />
    </div>
  );
}

function worth(state: State): boolean {
  return state.deeds.length > 0 || state.time > 2000;
}

function same(state: State, hello: Hello): boolean {
  return state.scenario === hello.scenario && JSON.stringify(state.deeds) === JSON.stringify(hello.status.deeds);
}

function present() {
  const root = document.documentElement;
  root.toggleAttribute("data-presenting");
  dispatchEvent(new Event("restyled"));
}

// -- the bar at the top ---------------------------------------------------------------------------

interface TopProps {
  hello: Hello;
  status: Status;
  frame: Frame | null;
  doIt: (action: Record<string, unknown>) => Promise<void>;
  say: (text: string) => void;
  restyled: () => void;
}

function Top({ hello, status, frame, doIt, say, restyled }: TopProps) {
  const [text, setText] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  const time = frame?.time ?? status.time / 1000;

  useEffect(() => {
    addEventListener("restyled", restyled);
    return () => removeEventListener("restyled", restyled);
  }, [restyled]);

  async function copy() {
    try {
      const found = await yaml();
      setText(found);
      dialog.current?.showModal();
      await navigator.clipboard.writeText(found).catch(() => undefined);
    } catch (error) {
      say(String(error));
    }
  }

  function theme() {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset["theme"] ?? (dark ? "dark" : "light");
    root.dataset["theme"] = now === "dark" ? "light" : "dark";
    dispatchEvent(new Event("restyled"));
  }

  return (
    <header class="top">
      <h1 title={hello.name}>{hello.name}{hello.scenario && <span class="scenario"> {hello.scenario}</span>}</h1>
      <div class="time" role="group" aria-label="Time">
        <time data-time={time}>{clock(time)}</time>
        <button type="button" class="main" onClick={() => doIt({ do: status.paused ? "go" : "pause" })} aria-keyshortcuts="Space">
          {status.paused ? "▶ Go" : "❙❙ Pause"}
        </button>
        <button type="button" onClick={() => doIt({ do: "step", value: 1 })} title="One second on, then stand still (.)">Step</button>
        <label>
          <span class="unseen">Speed</span>
          <select value={String(status.speed)} aria-label="Speed" onChange={(event) => doIt({ do: "speed", value: Number(event.currentTarget.value) })}>
            {SPEEDS.map((speed) => <option key={speed} value={String(speed)}>{speed}×</option>)}
          </select>
        </label>
        <button type="button" onClick={() => doIt({ do: "reset" })} title="From the start, with nothing turned">Reset</button>
      </div>
      {hello.presets.length > 0 && (
        <label class="presets">
          <span class="unseen">Scenario</span>
          <select value="" aria-label="Play a scenario" onChange={(event) => {
            const name = event.currentTarget.value;
            event.currentTarget.value = "";
            if (name) void doIt({ do: "preset", name: name === "\n" ? null : name });
          }}>
            <option value="">Play a scenario…</option>
            {hello.scenario !== null && <option value={"\n"}>the file without a scenario (from the start)</option>}
            {hello.presets.map((preset) => (
              <option key={preset.name} value={preset.name}>{preset.name}{preset.anew ? " (from the start)" : ""}</option>
            ))}
          </select>
        </label>
      )}
      <div class="view" role="group" aria-label="View">
        <button type="button" class="copy" onClick={copy}>Copy as YAML</button>
        <button type="button" onClick={present} title="Big type, for a projector (p)">Present</button>
        <button type="button" class="theme" onClick={theme} title="Dark or light">Theme</button>
      </div>
      <dialog ref={dialog} aria-label="The session as YAML">
        <p>A scenario that repeats this session exactly. It has been copied, where the browser allows it.</p>
        <pre tabIndex={0}>{text}</pre>
        <form method="dialog"><button>Close</button></form>
      </dialog>
    </header>
  );
}

// -- what has to be said ----------------------------------------------------------------------------

interface NoticesProps {
  connected: boolean;
  frame: Frame | null;
  status: Status;
  said: string;
  offered: State | null;
  dismiss: () => void;
  take: (state: State) => void;
  leave: () => void;
  reset: () => void;
}

function Notices({ connected, frame, status, said, offered, dismiss, take, leave, reset }: NoticesProps) {
  return (
    <div class="notices" role="status">
      {!connected && <p class="notice bad">The server does not answer. This page comes back when it does.</p>}
      {status.broken && <p class="notice bad">{status.broken} <button type="button" onClick={reset}>Begin anew</button></p>}
      {frame?.over && <p class="notice">Twelve hours are over. <button type="button" onClick={reset}>Begin anew</button></p>}
      {frame?.goal != null && frame.goal - frame.time > 1.5 && <p class="notice">Repeating the session: {clock(frame.time)} of {clock(frame.goal)}</p>}
      {connected && frame?.slowed && !status.paused && (
        <p class="notice unsure" data-slowed>This machine simulates at {Number(frame.speed.toPrecision(2))}×, not {status.speed}×: time is slowed, nothing is left out.</p>
      )}
      {offered && (
        <p class="notice">
          Another session was here: {offered.deeds.length} changes in {clock(offered.time / 1000)}.{" "}
          <button type="button" onClick={() => take(offered)}>Bring it back</button> <button type="button" onClick={leave}>Leave it</button>
        </p>
      )}
      {said && <p class="notice bad">{said} <button type="button" onClick={dismiss} aria-label="Dismiss">×</button></p>}
    </div>
  );
}

// -- graph, charts, knobs -----------------------------------------------------------------------------

interface GraphProps {
  hello: Hello;
  stage: { current: Stage | null };
  selected: Selected;
  select: (what: Selected) => void;
  per: number;
}

function Graph({ hello, stage, selected, select, per }: GraphProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const made = new Stage(place.current!, hello, select);
    stage.current = made;
    return () => {
      made.end();
      stage.current = null;
    };
  }, [hello]);
  useEffect(() => stage.current?.select(selected), [selected, hello]);
  return (
    <div class="graph-area">
      <div class="graph-place" ref={place} />
      <p class="scale quiet">{per > 1 ? `one dot: about ${per} requests` : ""}</p>
    </div>
  );
}

function Series({ kind, rows, log }: { kind: Kind; rows: Second[]; log: News[] }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  useEffect(() => {
    const made = new Chart(place.current!, kind);
    chart.current = made;
    const again = () => requestAnimationFrame(() => made.make());
    addEventListener("restyled", again);
    return () => {
      removeEventListener("restyled", again);
      made.end();
    };
  }, [kind]);
  useEffect(() => chart.current?.show(rows, log), [rows, log]);
  const last = rows.at(-1);
  return (
    <figure class="series">
      <figcaption>
        {kind.title}
        {kind.lines.map((line) => <span key={line.label} class={`key ${line.colour.slice(2)}`}>{line.label} {worded(kind, last ? line.of(last) : null)}</span>)}
      </figcaption>
      <div class="plot" ref={place} aria-hidden="true" />
    </figure>
  );
}

function worded(kind: Kind, value: number | null): string {
  return value === null ? NOTHING : kind.axis(value);
}

interface SideProps {
  hello: Hello;
  status: Status;
  frame: Frame | null;
  selected: Selected;
  select: (what: Selected) => void;
  turn: (knob: Knob, value: Value) => void;
}

function Side({ hello, status, frame, selected, select, turn }: SideProps) {
  const shown = selected ?? hello.picture.nodes.find((each) => each.kind === "source")?.id ?? null;
  const knobs = useMemo(() => hello.knobs.filter((knob) => knob.at === shown), [hello, shown]);
  const values = { ...status.values, ...(frame?.moving ?? {}) };
  const arrow = typeof shown === "number" ? hello.picture.arrows[shown] : undefined;
  const node = (id: string) => hello.picture.nodes.find((each) => each.id === id)?.name ?? id;
  const title = arrow ? `${node(arrow.tail)} → ${node(arrow.head)}` : typeof shown === "string" ? node(shown) : "";
  return (
    <aside class={selected === null ? "side" : "side of-one"} aria-label="What can be turned">
      <h2>{title}{selected !== null && <button type="button" class="close" aria-label="Deselect" onClick={() => select(null)}>×</button>}</h2>
      <Numbers frame={frame} what={shown} />
      {knobs.length > 0 ? <Knobs key={String(shown)} knobs={knobs} values={values} turn={turn} /> : <p class="quiet">Nothing to turn here.</p>}
      {selected === null && <p class="quiet">Choose a service, a store or an arrow in the graph to turn what belongs to it.</p>}
    </aside>
  );
}

render(<App />, document.getElementById("play")!);
