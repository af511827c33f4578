/** The kinds of options. An option says how it is read and what the help says of it: each stands in one place. */
import { CommandError } from "../command-error.ts";

export interface Option<T = unknown> {
  /** What stands for its value in the help: N, FILE. A flag has none. */
  readonly value?: string;
  /** Whether the value may be left out: --causal, or --causal=bottom-right. */
  readonly valueOptional?: boolean;
  readonly help: string;
  /** What it is where it is not given. */
  readonly otherwise: T;
  readonly required?: boolean;
  /** @throws CommandError naming the option, what it expects and what came. */
  readonly read: (text: string, flag: string) => T;
}

/** Options under the headings of the help. */
export type Groups = Readonly<Record<string, Readonly<Record<string, Option>>>>;

type ValuesOf<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends Option<infer T> ? T : never;
};
type Intersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

/** What the options of all groups are read as. */
export type Values<G extends Groups> = Intersection<{ [Heading in keyof G]: ValuesOf<G[Heading]> }[keyof G]>;

/** What a command is called, and takes. */
export interface Grammar<G extends Groups = Groups> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the command's name. */
  readonly usage: readonly string[];
  readonly description: string;
  readonly groups: G;
  /** What it takes beside options, and at most how many. */
  readonly positionals?: { readonly what: string; readonly most: number };
  readonly examples: readonly string[];
}

/** Keeps the types of a grammar's options. */
export function grammar<const G extends Groups>(it: Grammar<G>): Grammar<G> {
  return it;
}

export function misuse(message: string): CommandError {
  return new CommandError(2, message);
}

/** `headSize` is spelled `--head-size`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function flag(help: string): Option<boolean> {
  return { help, otherwise: false, read: () => true };
}

export function text(value: string, help: string): Option<string | undefined> {
  return { value, help, otherwise: undefined, read: (text) => text };
}

/** One of several words. */
export function choice<const T extends string, const O extends T | undefined>(
  value: string,
  choices: readonly T[],
  help: string,
  otherwise: O,
): Option<T | O> {
  return { value, help, otherwise, read: (text, flag) => oneOf(choices, text, flag) };
}

/** A flag that may say which kind: `false` where it is not given, the first choice where it says nothing. */
export function flagOrChoice<const T extends string>(choices: readonly T[], help: string): Option<T | false> {
  return {
    value: choices.join("|"),
    valueOptional: true,
    help,
    otherwise: false,
    read: (text, flag) => (text === "" ? choices[0]! : oneOf(choices, text, flag)),
  };
}

function oneOf<T extends string>(choices: readonly T[], text: string, flag: string): T {
  if ((choices as readonly string[]).includes(text)) return text as T;
  throw misuse(`${flag} expected ${choices.join(", ")}, got ${JSON.stringify(text)}`);
}

/** A whole number from `least` to `most`. */
export function whole<O extends number | undefined>(
  least: number,
  most: number,
  help: string,
  otherwise: O,
): Option<number | O> {
  return { value: "N", help, otherwise, read: (text, flag) => wholeNumber(text, flag, least, most) };
}

/** A whole number, or a word that stands for one. */
export function wholeOr<const W extends string>(
  word: W,
  least: number,
  most: number,
  help: string,
): Option<number | W | undefined> {
  const read = (text: string, flag: string): number | W =>
    text === word ? word : wholeNumber(text, flag, least, most, ` or ${word}`);
  return { value: "N", help, otherwise: undefined, read };
}

function wholeNumber(text: string, flag: string, least: number, most: number, otherwise = ""): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw misuse(
    `${flag} expected a whole number from ${least} to ${most}${otherwise}, got ${JSON.stringify(text)}`,
  );
}

export function number(help: string): Option<number | undefined> {
  const read = (text: string, flag: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value)) return value;
    throw misuse(`${flag} expected a number, got ${JSON.stringify(text)}`);
  };
  return { value: "X", help, otherwise: undefined, read };
}

/** An option without which there is nothing to do. */
export function required<T>(option: Option<T | undefined>): Option<T> {
  return { ...option, required: true } as Option<T>;
}
