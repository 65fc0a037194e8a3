// Fills that are told apart without colour. One hidden SVG holds them; bars refer to them by name.
import type { ComponentChildren } from "preact";

export const FILLS: Record<string, string> = {
  queue: "url(#fill-queue)",
  own: "var(--series-1)",
  store: "url(#fill-store)",
  network: "url(#fill-network)",
  backoff: "url(#fill-backoff)",
  other: "var(--outside)",
};

function Fill({ id, colour, children }: { id: string; colour: string; children: ComponentChildren }) {
  return (
    <pattern id={`fill-${id}`} width="8" height="8" patternUnits="userSpaceOnUse">
      <rect width="8" height="8" style={{ fill: `var(--${colour})`, fillOpacity: 0.28 }} />
      <g style={{ stroke: `var(--${colour})`, fill: `var(--${colour})` }} stroke-width="2">
        {children}
      </g>
    </pattern>
  );
}

export function Patterns() {
  return (
    <svg class="patterns" width="0" height="0" aria-hidden="true">
      <defs>
        <Fill id="queue" colour="series-5">
          <path d="M-2 2l4-4M0 8l8-8M6 10l4-4" />
        </Fill>
        <Fill id="store" colour="series-3">
          <circle cx="2" cy="2" r="1.4" stroke="none" />
          <circle cx="6" cy="6" r="1.4" stroke="none" />
        </Fill>
        <Fill id="network" colour="series-4">
          <path d="M4 0v8" />
        </Fill>
        <Fill id="backoff" colour="series-2">
          <path d="M0 0l8 8M0 8l8-8" stroke-width="1.4" />
        </Fill>
      </defs>
    </svg>
  );
}

export function Swatch({ kind }: { kind: string }) {
  return (
    <svg class="swatch" viewBox="0 0 20 12" aria-hidden="true">
      <rect x="0.5" y="0.5" width="19" height="11" style={{ fill: FILLS[kind] }} />
    </svg>
  );
}
