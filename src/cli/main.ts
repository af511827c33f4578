#!/usr/bin/env node
import { nearest } from "../nearest.ts";
import type { Execute, Outcome, Session } from "./command.ts";
/** `wasm-attention`: reads the command line, runs it, and turns what goes wrong into one line. */
import { CommandError } from "./command-error.ts";
import { commands } from "./commands.ts";
import { helpOf, overview } from "./grammar/help.ts";
import { flagOf, type Grammar, misuse } from "./grammar/option.ts";
import { readValues } from "./grammar/parse.ts";
import { packageVersion } from "./package-version.ts";
import { colourDepth } from "./terminal/colours.ts";
import { showProgress } from "./terminal/progress.ts";

const usualWidth = 80;

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === "--version" || name === "-v") return print(`${packageVersion()}\n`);
  if (name === undefined || name === "--help" || name === "-h") return print(overviewHere());
  if (name === "help") return print(args[0] === undefined ? overviewHere() : helpHere(find(args[0]).grammar));
  const { grammar, load } = find(name);
  if (asksForHelp(args)) return print(helpHere(grammar));
  const { values, positionals } = hinting(grammar, () => readValues(grammar, args));
  const session = openSession(values);
  const execute = (await load()) as Execute<typeof values>;
  try {
    const outcome = await execute(values, positionals, session);
    session.progress.stop();
    print(values.json ? jsonOf(grammar, outcome) : `${outcome.lines.join("\n")}\n`);
  } catch (error) {
    session.progress.stop();
    throw nameFlags(error, grammar);
  }
}

function find(name: string): (typeof commands)[number] {
  const found = commands.find(({ grammar }) => grammar.name === name);
  if (found) return found;
  const names = commands.map(({ grammar }) => grammar.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `the commands are ${names.join(", ")}` : `did you mean ${meant}?`;
  const what = name.startsWith("-") ? "a command first, got" : "a command, got";
  throw misuse(`expected ${what} ${JSON.stringify(name)}; ${hint} (wasm-attention --help)`);
}

/** Before anything else is looked at, and not behind `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

function openSession({ json, noColor }: { json: boolean; noColor: boolean }): Session {
  const { stdout, stderr, env } = process;
  return {
    page: { width: stdout.columns || usualWidth, depth: colourDepth(stdout, env, !noColor) },
    json,
    progress: showProgress(stderr),
    // Over the line of progress, if there is one.
    note: (text) => void stderr.write(`${stderr.isTTY ? "\r\u001b[K" : ""}wasm-attention: ${text}\n`),
  };
}

function jsonOf({ name }: Grammar, { facts }: Outcome): string {
  const all = { command: name, version: packageVersion(), node: process.version, ...facts };
  return `${JSON.stringify(all, null, 2)}\n`;
}

function overviewHere(): string {
  return overview(
    commands.map(({ grammar }) => grammar),
    helpDepth(),
  );
}

function helpHere(grammar: Grammar): string {
  return helpOf(grammar, helpDepth());
}

function helpDepth(): ReturnType<typeof colourDepth> {
  return colourDepth(process.stdout, process.env, !process.argv.includes("--no-color"));
}

/** Says in what is wrong with the arguments where to find what is right. */
function hinting<T>(grammar: Grammar, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw misuse(`${error.message} (wasm-attention ${grammar.name} --help)`);
  }
}

/** An error of the library names its own arguments: here they are options. */
function nameFlags(error: unknown, { groups }: Grammar): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (error instanceof CommandError || message === undefined || !code?.startsWith("ERR_")) return error;
  const names = new Set(Object.values(groups).flatMap((group) => Object.keys(group)));
  const spelled = message.replaceAll(/"(\w+)"/g, (quoted, name) => (names.has(name) ? flagOf(name) : quoted));
  return new CommandError(code === "ERR_OPTION" ? 2 : 1, spelled, { cause: error });
}

function print(text: string): void {
  process.stdout.write(text);
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`wasm-attention: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : 1;
}

for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough (`| head`) is no error.
    process.exit(error.code === "EPIPE" ? undefined : 1);
  });

main(process.argv.slice(2)).catch(fail);
