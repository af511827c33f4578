import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

function updateReadme(...args: string[]): { status: number | null; stderr: string } {
  const script = join(root, "scripts", "update-readme.mjs");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
}

test("figures and charts are those of bench/results", () => {
  const { status, stderr } = updateReadme("--check");
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

test("what it links to and shows is there", () => {
  const targets = [...readme.matchAll(/\]\((?!\w+:|#)([^)\s#]+)[^)]*\)/g)].map(([, target]) => target!);
  expect(targets).toContain("docs/images/speed.svg");
  expect(targets.filter((target) => !existsSync(join(root, target)))).toEqual([]);
});

describe("--check", () => {
  let folder: string;
  let copy: string;
  const check = () => updateReadme("--check", "--in", folder);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "readme-"));
    copy = join(folder, "README.md");
    cpSync(join(root, "docs"), join(folder, "docs"), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("finds a figure that is not in the files", () => {
    writeFileSync(copy, readme.replace(/\*\*[\d.]+(\sms\*\*)/, "**0.001$1"));
    expect(check()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^README\.md:\d+: should say "\|/),
    });
  });

  test("finds a missing chart, and one of other figures", () => {
    copyFileSync(join(root, "README.md"), copy);
    expect(check()).toMatchObject({ status: 0, stderr: "" });
    const chart = join(folder, "docs", "images", "speed.svg");
    writeFileSync(chart, readFileSync(chart, "utf8").replace(/data-figures="\w+"/, 'data-figures="0"'));
    expect(check()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("speed.svg is of other figures"),
    });
    rmSync(chart);
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining("speed.svg is missing") });
  });

  test("wants every region once", () => {
    writeFileSync(copy, readme.replace("<!-- figures:table -->", ""));
    expect(check()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("no place for figures:table"),
    });
    writeFileSync(copy, `${readme}\n<!-- figures:table -->\n<!-- /figures -->\n`);
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining("one of each of") });
  });
});
