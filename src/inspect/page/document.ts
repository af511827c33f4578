// The page as text: one file that asks for nothing from anywhere.
import type { Viewer } from "../generated/viewer.ts";
import { escaped } from "../text/escape.ts";
import { elementIds, type PageData } from "./page-data.ts";

/** What goes into a page: the heads' records and the thumbnails are base64. */
export interface PageParts {
  readonly title: string;
  readonly description: string;
  readonly data: PageData;
  readonly thumbnails: string;
  /** By layer, then head. */
  readonly heads: readonly (readonly string[])[];
}

/**
 * The whole page. What comes from outside is text, never markup: the title and description are escaped, tokens stand in JSON
 * without `<`, and the page's policy lets only its own script and style run, and nothing be loaded.
 */
export function writeDocument(parts: PageParts, viewer: Viewer): string {
  const { title, description, data, thumbnails, heads } = parts;
  const policy =
    "default-src 'none'; " +
    `script-src '${viewer.scriptHash}'; style-src '${viewer.styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const records = heads.flatMap((layer, n) =>
    layer.map((record, h) => dataElement(elementIds.head(n, h), "application/octet-stream", record)),
  );
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="generator" content="wasm-attention">',
    '<link rel="icon" href="data:,">',
    `<title>${escapeText(title)}</title>`,
    `<style>${viewer.style}</style>`,
    "</head>",
    "<body>",
    "<header>",
    `<h1 dir="auto">${escapeText(title)}</h1>`,
    ...(description === "" ? [] : [`<p id="description" dir="auto">${escapeText(description)}</p>`]),
    "</header>",
    '<main id="viewer"></main>',
    "<noscript><p>This page draws attention weights with its own script, which does not run here.</p></noscript>",
    dataElement(elementIds.data, "application/json", toJson(data)),
    dataElement(elementIds.thumbnails, "application/octet-stream", thumbnails),
    ...records,
    `<script>${viewer.script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** A script of such a type does not run: it holds text. */
function dataElement(id: string, type: string, text: string): string {
  return `<script type="${type}" id="${id}">${text}</script>`;
}

/** JSON in which nothing can end the element, or begin a comment in it. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** Text that keeps its direction: marks that turn it would reach beyond the element. */
function escapeText(text: string): string {
  return escaped(text.replace(/[\u202a-\u202e\u2066-\u2069]/gu, "\ufffd"));
}
