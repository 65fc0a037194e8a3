import { useState } from "preact/hooks";

/** The page's head: what ran, and the switch between light and dark. */
export function Top({ title, subtitle, facts }: { title: string; subtitle: string; facts: [string, string][] }) {
  return (
    <header class="top">
      <div>
        <p class="brand">msforge report</p>
        <h1>{title}</h1>
        {subtitle && <p class="subtitle">{subtitle}</p>}
      </div>
      <Theme />
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

function Theme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const [theme, set] = useState(system);
  const other = theme === "dark" ? "light" : "dark";
  const change = () => {
    set(other);
    document.documentElement.dataset["theme"] = other;
    dispatchEvent(new Event("palette"));
  };
  return (
    <button type="button" class="theme" onClick={change}>
      {other}
    </button>
  );
}
