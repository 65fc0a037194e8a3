// The moment that graph, heat map and charts show: a slider over the whole run, with the faults drawn on its way.
import { useEffect, useState } from "preact/hooks";
import type { Axis, Cursor } from "../shared/chart.tsx";
import { moment } from "../shared/format.ts";

/** Draws again whenever the cursor moves. */
export function useAt(cursor: Cursor): number {
  const [at, set] = useState(cursor.at);
  useEffect(() => cursor.listen(() => set(cursor.at)), [cursor]);
  return at;
}

/** Where a time stands on an axis, per cent. */
export function place(axis: Axis, time: number): number {
  return Math.min(Math.max((time - axis.begin) / (axis.points * axis.width), 0), 1) * 100;
}

/** The cursor on a strip or a lane. */
export function CursorLine({ time, cursor }: { time: Axis; cursor: Cursor }) {
  const at = useAt(cursor);
  return <i class="cursor" style={{ left: `${place(time, time.begin + (at + 0.5) * time.width)}%` }} />;
}

export function TimeBar({ axis, cursor }: { axis: Axis; cursor: Cursor }) {
  const at = useAt(cursor);
  const [playing, play] = useState(false);
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      if (cursor.at >= axis.points - 1) play(false);
      else cursor.set(cursor.at + 1);
    }, Math.max(40, 12_000 / axis.points));
    return () => clearInterval(timer);
  }, [playing]);
  const start = () => {
    if (!playing && cursor.at >= axis.points - 1) cursor.set(0);
    play(!playing);
  };
  const faults = axis.faults.filter((fault) => {
    const time = axis.begin + at * axis.width;
    return time + axis.width > fault.begin && time < fault.end;
  });
  return (
    <div class="timebar" role="group" aria-label="The moment that the page shows">
      <button type="button" onClick={start} aria-label={playing ? "pause" : "play"}>
        <span aria-hidden="true">{playing ? "❚❚" : "▶"}</span>
      </button>
      <div class="way">
        {axis.faults.map((fault, i) => (
          <span
            key={i}
            class="fault"
            style={{ left: `${place(axis, fault.begin)}%`, right: `${100 - place(axis, fault.end)}%` }}
          />
        ))}
        <input
          type="range"
          min={0}
          max={axis.points - 1}
          value={at}
          aria-label="time"
          aria-valuetext={moment(axis.begin + at * axis.width)}
          onInput={(event) => cursor.set(Number(event.currentTarget.value))}
        />
      </div>
      <output>
        at {moment(axis.begin + at * axis.width)}
        {faults.length > 0 && <span class="during">, {faults.map((fault) => fault.label).join(", ")}</span>}
      </output>
    </div>
  );
}
