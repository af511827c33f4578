/**
 * Reads arguments by a grammar. They are taken apart by Node's own `util.parseArgs`: kept with Node, nothing to install
 * for `npx wasm-attention`; commander would be 10 kB of the package. What is expected, and the words for what is wrong,
 * come from the grammar.
 */
import { parseArgs } from "node:util";
import { nearest } from "../../nearest.ts";
import { flag, flagOf, type Grammar, type Groups, misuse, type Option, type Values } from "./option.ts";

/** Options that every command has. */
export const common = {
  json: flag("one JSON object instead of text"),
  noColor: flag("no colours; so do NO_COLOR=1 and pipes"),
};

type Common = Values<{ common: typeof common }>;

/** @throws CommandError with exit code 2, naming the option, what it expects and what came. */
export function readValues<const G extends Groups>(
  grammar: Grammar<G>,
  args: readonly string[],
): { values: Values<G> & Common; positionals: readonly string[] } {
  const options = optionsOf(grammar);
  const values: Record<string, unknown> = {};
  for (const [name, { otherwise }] of options.values()) values[name] = otherwise;
  const given = new Set<string>();
  const positionals: string[] = [];
  let before: Token | undefined;
  for (const token of tokens(args, options)) {
    if (token.kind === "positional") {
      checkNoValue(token.value, before, options);
      positionals.push(token.value);
    }
    before = token;
    if (token.kind !== "option") continue;
    const [name, option] = options.get(token.rawName) ?? unknown(token.rawName, [...options.keys()]);
    if (given.has(name) && option.value !== undefined) throw misuse(`${token.rawName} is given twice`);
    values[name] = option.read(textOf(token, option), token.rawName);
    given.add(name);
  }
  const missing = [...options.values()].filter(([name, option]) => option.required && !given.has(name));
  if (missing.length > 0) {
    const list = missing.map(([name, { value }]) => `${flagOf(name)} ${value}`);
    throw misuse(`${grammar.name} expected ${list.join(" ")}`);
  }
  checkPositionals(grammar, positionals);
  return { values: values as Values<G> & Common, positionals };
}

/** By the spelling on the command line. */
function optionsOf(grammar: Grammar): Map<string, readonly [name: string, option: Option]> {
  const all = [...Object.values(grammar.groups), common].flatMap((group) => Object.entries<Option>(group));
  return new Map(all.map(([name, option]) => [flagOf(name), [name, option]]));
}

interface OptionToken {
  readonly kind: "option";
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

type Token =
  | OptionToken
  | { readonly kind: "positional"; readonly value: string }
  | { readonly kind: "option-terminator" };

function tokens(
  args: readonly string[],
  options: ReadonlyMap<string, readonly [string, Option]>,
): readonly Token[] {
  const types = [...options].map(([spelled, [, option]]) => {
    const takesNext = option.value !== undefined && option.valueOptional !== true;
    return [spelled.slice(2), { type: takesNext ? "string" : "boolean" } as const] as const;
  });
  // Not strict: the values of options may then begin with a dash, as in --window -1,0, and errors are worded here.
  return parseArgs({ args: [...args], options: Object.fromEntries(types), strict: false, tokens: true })
    .tokens;
}

function textOf({ rawName, value, inlineValue }: OptionToken, option: Option): string {
  if (option.value === undefined && value !== undefined) throw misuse(`${rawName} takes no value`);
  if (option.value === undefined || option.valueOptional) return value ?? "";
  const isOption = inlineValue !== true && value !== undefined && /^-[^\d.]/.test(value);
  if (value === undefined || isOption)
    throw misuse(`${rawName} expected a value: ${rawName} ${option.value}`);
  return value;
}

/** A value that may be left out stands behind "=", or it would be taken for a word of its own: --causal bottom-right. */
function checkNoValue(
  word: string,
  before: Token | undefined,
  options: ReadonlyMap<string, readonly [string, Option]>,
): void {
  if (before?.kind !== "option" || before.value !== undefined) return;
  const [, option] = options.get(before.rawName) ?? [];
  if (option?.valueOptional && option.value?.split("|").includes(word))
    throw misuse(`${before.rawName} ${word} is written ${before.rawName}=${word}`);
}

function unknown(flag: string, flags: readonly string[]): never {
  const meant = nearest(flag, flags);
  throw misuse(`unknown option ${flag}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

function checkPositionals({ name, positionals }: Grammar, found: readonly string[]): void {
  const { what, most } = positionals ?? { what: "options alone", most: 0 };
  if (found.length <= most) return;
  throw misuse(`${name} expected ${what}, got ${found.map((text) => JSON.stringify(text)).join(" ")}`);
}
