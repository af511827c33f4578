import path from "node:path";
import { defineConfig } from "vite";
import { pagePolicy } from "./vite/policy.ts";

/** What makes a page cross-origin isolated, so that its threads may share memory. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

// `--mode isolated` serves the page with these headers. What is built is the same: whoever serves it decides.
export default defineConfig(({ mode }) => ({
  base: "./",
  cacheDir: `node_modules/.vite-${mode}`,
  plugins: [pagePolicy()],
  build: { target: "es2023", outDir: "dist", chunkSizeWarningLimit: 4096 },
  worker: { format: "es" },
  optimizeDeps: { exclude: ["gpt-tokenizer"] },
  server: {
    headers: mode === "isolated" ? isolation : {},
    // The package and what the page shares with the command line lie beside it.
    fs: { allow: [path.join(import.meta.dirname, "..")] },
  },
  preview: { headers: mode === "isolated" ? isolation : {} },
}));
