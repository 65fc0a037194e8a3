// The knobs of what is selected.
import { useEffect, useRef, useState } from "preact/hooks";
import { placeOf, said, STEPS, valueAt } from "./scale.ts";
import type { Knob, Value } from "./types.ts";

export type Turn = (knob: Knob, value: Value) => void;

const SETTLED = 160; // ms; a key held down sends one change, not fifty
const ON_AGAIN = 1000; // ms, what an absent duration begins with

export function Knobs({ knobs, values, turn }: { knobs: Knob[]; values: Record<string, Value>; turn: Turn }) {
  const groups = [...new Set(knobs.map((knob) => knob.group))];
  return (
    <>
      {groups.map((group) => (
        <fieldset key={group} class="knobs">
          <legend>{group}</legend>
          {knobs.filter((knob) => knob.group === group).map((knob) => (
            <One key={knob.id} knob={knob} value={values[knob.id] ?? null} turn={turn} />
          ))}
        </fieldset>
      ))}
    </>
  );
}

function One({ knob, value, turn }: { knob: Knob; value: Value; turn: Turn }) {
  return knob.kind === "switch"
    ? <Switch knob={knob} on={value === true} turn={turn} />
    : <Slider knob={knob} value={value as number | null} turn={turn} />;
}

function Switch({ knob, on, turn }: { knob: Knob; on: boolean; turn: Turn }) {
  return (
    <button
      type="button"
      role="switch"
      class="knob switch-knob"
      aria-checked={on}
      data-knob={knob.id}
      onClick={() => turn(knob, !on)}
    >
      <span>{knob.label}</span>
      <span class="toggle" aria-hidden="true" />
    </button>
  );
}

function Slider({ knob, value, turn }: { knob: Knob; value: number | null; turn: Turn }) {
  const [held, hold] = useState<number | null>(null);
  const timer = useRef(0);
  useEffect(() => hold(null), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const shown = held ?? value;

  function settle(next: number) {
    hold(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => turn(knob, next), SETTLED);
  }

  return (
    <div class="knob">
      <label>
        <span>{knob.label}</span>
        <output>{said(knob, shown)}</output>
        <input
          type="range"
          min={0}
          max={STEPS}
          step={step(knob)}
          value={shown === null ? STEPS : placeOf(knob, shown)}
          disabled={value === null}
          aria-valuetext={said(knob, shown)}
          data-knob={knob.id}
          onInput={(event) => hold(valueAt(knob, Number(event.currentTarget.value)))}
          onChange={(event) => settle(valueAt(knob, Number(event.currentTarget.value)))}
        />
      </label>
      {knob.optional && (
        <label class="has">
          <input
            type="checkbox"
            checked={value !== null}
            aria-label={`${knob.label}: on`}
            onChange={(event) => turn(knob, event.currentTarget.checked ? ON_AGAIN : null)}
          />
        </label>
      )}
    </div>
  );
}

/** How far an arrow key moves a slider: to the next whole number, or a fiftieth. */
function step(knob: Knob): number {
  const whole = STEPS / (knob.high - knob.low);
  return knob.kind === "count" ? Math.max(0.0001, whole) : knob.kind === "share" ? STEPS / 100 : 10;
}
