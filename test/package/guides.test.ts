// Links between the guides, to headings too: the site and the repository show the same files.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "docs");
const pages = readdirSync(folder).filter((name) => name.endsWith(".md"));

const withoutBlocks = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "");

/** Without code, whose brackets are no links. */
const proseOf = (file: string): string =>
  withoutBlocks(readFileSync(file, "utf8")).replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll("]", " "));

/** Headings as GitHub calls them, and the site with it. */
function anchorsOf(file: string): Set<string> {
  const headings = withoutBlocks(readFileSync(file, "utf8")).matchAll(/^#+ (.*)$/gm);
  return new Set(Array.from(headings, ([, heading]) => anchorOf(heading!)));
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");

describe.each(pages)("docs/%s", (name) => {
  const file = join(folder, name);
  const links = [...proseOf(file).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, target]) => target!);

  test("links lead somewhere", () => {
    const broken = links.filter((link) => {
      const [path, anchor] = link.split("#") as [string, string?];
      const target = path === "" ? file : join(dirname(file), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).has(anchor);
    });
    expect(broken.map((link) => `${relative(root, file)}: ${link}`)).toEqual([]);
  });

  test("has one title", () => {
    expect(withoutBlocks(readFileSync(file, "utf8")).match(/^# /gm)).toHaveLength(1);
  });
});

test("every picture of a guide is shown somewhere", () => {
  const shown = pages.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  const pictures = ["masks", "positions", "kernels"].flatMap((name) =>
    readdirSync(join(folder, "images", name)).map((picture) => `images/${name}/${picture}`),
  );
  expect(pictures.filter((picture) => !shown.includes(picture))).toEqual([]);
});
