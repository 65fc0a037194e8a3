// A session in the page's address: what was done so far, and until when.
import type { State } from "./types.ts";

const MARK = "#s=";

/** The fragment that carries a state. */
export function fragment(state: State): string {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return MARK + btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The state that a fragment carries; null when it carries none. */
export function carried(hash: string): State | null {
  if (!hash.startsWith(MARK)) return null;
  try {
    const text = atob(hash.slice(MARK.length).replaceAll("-", "+").replaceAll("_", "/"));
    const state = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    return typeof state === "object" && state !== null && Array.isArray(state.deeds) ? (state as State) : null;
  } catch {
    return null;
  }
}
