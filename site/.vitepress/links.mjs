// A plugin of markdown-it. Pages link to each other, and to sources, by the paths of the repository, so that they can be
// read there. On the site a link to a page leads to that page, and one to a source is its path, as code. A link to
// nothing ends the build.
import fs from "node:fs";
import path from "node:path";
import { pageOf, root } from "./pages.mjs";

export function repositoryLinks(md) {
  md.core.ruler.push("repository-links", (state) => {
    const folder = path.dirname(sourceOf(state.env));
    for (const { children } of state.tokens) if (children) rewrite(children, folder, state);
  });
}

/** The file that holds the page: its address may be another. */
function sourceOf({ realPath, path: file }) {
  return realPath ?? file;
}

function rewrite(tokens, folder, state) {
  for (let at = 0; at < tokens.length; at++) {
    const href = tokens[at].type === "link_open" ? tokens[at].attrGet("href") : null;
    if (href === null || /^([a-z]+:|#|\/)/i.test(href)) continue;
    const [, target, hash] = /^([^#]*)(.*)$/.exec(href);
    const file = find(path.join(folder, decodeURI(target)), state.env);
    const page = pageOf(file);
    if (page !== undefined) tokens[at].attrSet("href", `/${page}${hash}`);
    else showPath(tokens, at, file, state);
  }
}

/** The file's path in the repository; a folder is its README.md, where there is one. */
function find(target, env) {
  if (!fs.existsSync(target)) throw new Error(`${sourceOf(env)}: a link to ${target}, which is not there`);
  const readme = path.join(target, "README.md");
  const file = fs.statSync(target).isDirectory() && fs.existsSync(readme) ? readme : target;
  return path.relative(root, file).replaceAll(path.sep, "/");
}

/** In place of the link: its text, and the path behind it unless the text says it. */
function showPath(tokens, open, file, { Token }) {
  const close = tokens.findIndex(({ type }, n) => n > open && type === "link_close");
  const inside = tokens.slice(open + 1, close);
  const text = inside.map(({ content }) => content).join("");
  const says = file.endsWith(text.replace(/^(\.\.\/)+|\/$/g, ""));
  const code = Object.assign(new Token("code_inline", "code", 0), { content: says ? text : file });
  const [before, after] = [" (", ")"].map((content) => Object.assign(new Token("text", "", 0), { content }));
  tokens.splice(open, close - open + 1, ...(says ? [code] : [...inside, before, code, after]));
}
