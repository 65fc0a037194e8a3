// The report is one file: its script and its style go into the page, and the page may load nothing at all.
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

const SCRIPT = /<script type="module"[^>]*src="[^"]*"[^>]*><\/script>/;
const STYLE = /<link rel="stylesheet"[^>]*>/;

/** Puts the one script and the one style into `index.html`, with a policy that lets only them in. */
export function inlined(): Plugin {
  return {
    name: "inlined",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const page = bundle["index.html"];
        if (page?.type !== "asset") throw new Error("inlined: no index.html");
        let html = String(page.source);
        for (const [name, part] of Object.entries(bundle)) {
          if (part.type === "chunk") {
            const code = closed(part.code);
            const hash = createHash("sha256").update(code).digest("base64");
            html = put(html, SCRIPT, `<script type="module">${code}</script>`).replace("SCRIPT-HASH", () => hash);
          } else if (name.endsWith(".css")) {
            html = put(html, STYLE, `<style>${String(part.source).replace(/\/\*\$vite.*\*\/\s*$/, "")}</style>`);
          } else continue;
          delete bundle[name];
        }
        const licences = bundle["THIRD_PARTY.md"];
        if (licences?.type !== "asset") throw new Error("inlined: no licences of what is bundled");
        page.source = `${html.trimEnd()}\n<!--\n${String(licences.source).replaceAll("--", "- -").trim()}\n-->\n`;
      },
    },
  };
}

function put(html: string, place: RegExp, what: string): string {
  if (!place.test(html)) throw new Error(`inlined: index.html has no place for ${what.slice(0, 40)}`);
  return html.replace(place, () => what);
}

/** Code in which nothing ends the element it stands in. */
function closed(code: string): string {
  return code.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
}
