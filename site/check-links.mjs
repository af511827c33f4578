// Looks behind every link of the built site: the file must be there, and on it the place that is named. Nothing is
// fetched: links to other sites are only counted, and listed with --external.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Parser } from "htmlparser2";

const { values: options } = parseArgs({ options: { external: { type: "boolean", default: false } } });
const folder = path.join(import.meta.dirname, "dist");
const origin = "https://site.invalid";
/** Paths of all files, as the pages call them. */
const files = fs.readdirSync(folder, { recursive: true }).map((file) => `/${file.replaceAll(path.sep, "/")}`);
const pages = new Map(files.filter((file) => file.endsWith(".html")).map((file) => [file, read(file)]));

const elsewhere = new Set();
const broken = [];
let count = 0;
for (const [page, { links }] of pages)
  for (const link of links) {
    const url = new URL(link, `${origin}${page}`);
    if (url.protocol === "data:") continue;
    count++;
    if (url.origin !== origin) elsewhere.add(url.href);
    else if (!isThere(url)) broken.push(`${page}: ${link}`);
  }

for (const link of broken) console.error(`broken: ${link}`);
if (options.external) for (const link of [...elsewhere].sort()) console.log(link);
console.log(
  `${count} links on ${pages.size} pages, ${broken.length} broken; ${elsewhere.size} lead to other sites`,
);
process.exitCode = broken.length > 0 ? 1 : 0;

/** The links of a page, and the names of its places. */
function read(file) {
  const links = [];
  const places = new Set();
  const onopentag = (_, { id, href, src }) => {
    if (id !== undefined) places.add(id);
    for (const link of [href, src]) if (link !== undefined) links.push(link);
  };
  new Parser({ onopentag }).end(fs.readFileSync(path.join(folder, file), "utf8"));
  return { links, places };
}

/** Pages are called without .html. */
function isThere({ pathname, hash }) {
  const name = decodeURI(pathname);
  const file = [name, `${name}.html`, `${name}index.html`].find((file) => files.includes(file));
  if (file === undefined) return false;
  return hash === "" || pages.get(file)?.places.has(decodeURIComponent(hash.slice(1))) === true;
}
