// The stream of what happens, and a way to do something.
import type { Frame, Hello, Status } from "./types.ts";

export interface Listener {
  /** `first` after each connection; else a new run has begun. */
  hello(hello: Hello, first: boolean): void;
  frame(frame: Frame): void;
  status(status: Status): void;
  /** Whether the server is there. */
  connected(yes: boolean): void;
}

const AGAIN = 1500; // ms

/** Listens for good: comes back whenever the server does. */
export function listen(to: Listener): void {
  let run: string | null = null;
  const source = new EventSource("/api/events");
  source.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data) as Hello;
    const first = run === null;
    run = hello.run;
    to.connected(true);
    to.hello(hello, first);
  });
  source.addEventListener("frame", (event) => {
    const frame = JSON.parse(event.data) as Frame;
    if (frame.run === run) to.frame(frame);
  });
  source.addEventListener("status", (event) => {
    const status = JSON.parse(event.data) as Status;
    if (status.run === run) to.status(status);
  });
  source.addEventListener("error", () => {
    to.connected(false);
    source.close();
    setTimeout(() => listen(to), AGAIN);
  });
}

/** Asks for an action; what went wrong, or "". */
export async function act(action: Record<string, unknown>): Promise<string> {
  try {
    const answer = await fetch("/api/do", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(action),
    });
    if (answer.ok) return "";
    const said = (await answer.json()) as { error?: string; hint?: string };
    return [said.error ?? `the server said ${answer.status}`, said.hint].filter(Boolean).join(": ");
  } catch {
    return "the server does not answer";
  }
}

/** The session as YAML. */
export async function yaml(): Promise<string> {
  const answer = await fetch("/api/yaml");
  if (!answer.ok) throw new Error(`the server said ${answer.status}`);
  return answer.text();
}
