// Which files are pages of the site, and where they stand in it. The site's root is the project's, so that a page may
// link to, and take pictures from, whatever lies in the repository.
import fs from "node:fs";
import path from "node:path";

export const root = path.join(import.meta.dirname, "..", "..");

/** Made by the site's own scripts, git-ignored: the reference, and the examples' source. */
const generated = "site/generated/";

/** Pages that lie outside docs/, by their address. */
const outside = {
  "README.md": "readme.md",
  "ARCHITECTURE.md": "architecture.md",
  "CHANGELOG.md": "changelog.md",
  "SECURITY.md": "security.md",
  "assembly/README.md": "assembly.md",
  "bench/NOTES.md": "bench-notes.md",
  "examples/README.md": "examples/index.md",
  "examples/service/README.md": "examples/service.md",
};

/** The page that a file becomes, as "masks.md"; undefined for what is none. Both are relative, with slashes. */
export function pageOf(file) {
  if (file.startsWith(generated)) return file.slice(generated.length);
  // A program is shown by a page that write-examples.mjs makes.
  if (/^examples\/[^/]+\.ts$/.test(file)) return file.replace(/\.ts$/, ".md");
  return outside[file] ?? /^docs\/([^/]+\.md)$/.exec(file)?.[1];
}

/** Markdown that is no page, as VitePress wants it: patterns. */
export function excluded() {
  const folders = fs.readdirSync(root, { withFileTypes: true }).filter((entry) => !entry.isFile());
  const withPages = ["assembly", "bench", "docs", "examples", "site"];
  return folders.filter(({ name }) => !withPages.includes(name)).map(({ name }) => `${name}/**`);
}
