#!/usr/bin/env node
/** `wasm-attention`: reads the command line, runs it, and turns what goes wrong into one line. */
import { readFileSync } from "node:fs";
import { readArguments } from "./arguments.ts";
import { colourDepth } from "./colours.ts";
import { CommandError } from "./command-error.ts";
import { explore } from "./explore.ts";
import { tokensThatFit } from "./heatmap.ts";
import { help } from "./help.ts";
import { toJson } from "./json.ts";
import { visible } from "./label.ts";
import { showProgress } from "./progress.ts";
import { report } from "./report.ts";

const usualWidth = 80;

async function main(): Promise<void> {
  const command = readArguments(process.argv.slice(2));
  if (command.name === "help") return print(help);
  if (command.name === "version") return print(`${packageVersion()}\n`);

  const { options } = command;
  const { stdout, stderr, env } = process;
  const page = { width: stdout.columns ?? usualWidth, depth: colourDepth(stdout, env, options.color) };
  const room = (tokens: readonly string[]): number =>
    options.json ? tokens.length : tokensThatFit(page.width, tokens.map(visible));
  const findings = await explore(options, showProgress(stderr), room);
  if (findings.tokens.note !== undefined) stderr.write(`wasm-attention: ${findings.tokens.note}\n`);
  print(options.json ? `${toJson(findings, packageVersion())}\n` : report(findings, page));
}

function print(text: string): void {
  process.stdout.write(text);
}

function packageVersion(): string {
  const file = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`wasm-attention: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : 1;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no error.
  if (error.code !== "EPIPE") fail(error);
  process.exit();
});

main().catch(fail);
