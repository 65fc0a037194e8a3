// Two builds, one at a time: `--mode report` makes one HTML file that needs nothing else, `--mode play` a page with
// hashed assets that the playground's server sends.
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { inlined } from "./vite.inline.ts";

const here = import.meta.dirname;

export default defineConfig(({ mode }) => {
  const report = mode === "report";
  return {
    root: resolve(here, mode),
    base: "./",
    publicDir: false,
    plugins: report ? [inlined()] : [],
    build: {
      outDir: resolve(here, "dist", mode),
      emptyOutDir: true,
      target: "es2022",
      modulePreload: false,
      license: { fileName: "THIRD_PARTY.md" },
      reportCompressedSize: false,
      ...(report ? { assetsInlineLimit: () => true, cssCodeSplit: false } : {}),
    },
    test: { root: here, include: ["tests/**/*.test.{ts,tsx}"], environment: "node" },
  };
});
