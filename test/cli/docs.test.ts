import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";

const file = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("docs/command-line.md shows what the command prints", () => {
  const script = file("scripts/update-command-line.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("docs/command-line.md has the help of every command", () => {
  const text = readFileSync(file("docs/command-line.md"), "utf8");
  for (const { grammar } of commands) expect(text).toContain(`<!-- output: ${grammar.name} --help -->`);
});
