/**
 * The command line's grammar. Parsed by Node's own `util.parseArgs`: kept with Node, nothing to install
 * for `npx wasm-attention`, and the package keeps its zero dependencies.
 */
import { parseArgs } from "node:util";
import { CommandError } from "./command-error.ts";

export const tokenUnits = ["characters", "words", "subwords"] as const;
export const projectionKinds = ["seeded", "none"] as const;
export const positionKinds = ["sinusoidal", "none", "learned"] as const;
export const kernelChoices = ["auto", "strict", "relaxed", "wide"] as const;

export type TokenUnit = (typeof tokenUnits)[number];
export type PositionKind = (typeof positionKinds)[number];

/** What `explore` was asked for. `undefined` leaves the choice to the weights, the engine or the terminal. */
export interface ExploreOptions {
  /** A file's name, `-` for standard input, or the text itself; the package's README where there is none. */
  readonly input: string | undefined;
  readonly tokens: TokenUnit;
  readonly projections: (typeof projectionKinds)[number];
  /** A safetensors file of PyTorch's `nn.MultiheadAttention`. */
  readonly weights: string | undefined;
  readonly heads: number | undefined;
  readonly headSize: number | undefined;
  /** Which head is drawn. */
  readonly head: number;
  readonly causal: boolean;
  readonly positions: PositionKind;
  readonly seed: number;
  readonly kernels: (typeof kernelChoices)[number] | undefined;
  readonly threads: number | "auto" | undefined;
  readonly maxTokens: number;
  /** How many tokens are drawn. */
  readonly show: number;
  readonly json: boolean;
  readonly color: boolean;
}

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | { readonly name: "explore"; readonly options: ExploreOptions };

const options = {
  tokens: { type: "string" },
  projections: { type: "string" },
  weights: { type: "string" },
  heads: { type: "string" },
  "head-size": { type: "string" },
  head: { type: "string" },
  causal: { type: "boolean" },
  positions: { type: "string" },
  seed: { type: "string" },
  kernels: { type: "string" },
  threads: { type: "string" },
  "max-tokens": { type: "string" },
  show: { type: "string" },
  json: { type: "boolean" },
  "no-color": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

/**
 * Reads the arguments that follow the program's name.
 *
 * @throws CommandError with exit code 2, naming the option, what it expects and what came.
 */
export function readArguments(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help === true || (command === undefined && args.length === 0)) return { name: "help" };
  if (values.version === true) return { name: "version" };
  if (command === undefined) throw misuse("expected a command: explore");
  if (command === "help") return { name: "help" };
  if (command !== "explore")
    throw misuse(`unknown command ${JSON.stringify(command)}; the command is: explore [FILE | "some text"]`);
  if (rest.length > 1)
    throw misuse(`explore expected one FILE or one text in quotes, got ${rest.length} arguments`);

  const explore: ExploreOptions = {
    input: rest[0],
    tokens: choice("tokens", values.tokens, tokenUnits) ?? "words",
    projections: choice("projections", values.projections, projectionKinds) ?? "seeded",
    weights: values.weights,
    heads: whole("heads", values.heads, 1, 1024),
    headSize: whole("head-size", values["head-size"], 1, 4096),
    head: whole("head", values.head, 0, 1023) ?? 0,
    causal: values.causal ?? false,
    positions: choice("positions", values.positions, positionKinds) ?? "sinusoidal",
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1) ?? 0,
    kernels: choice("kernels", values.kernels, kernelChoices),
    threads: values.threads === "auto" ? "auto" : whole("threads", values.threads, 0, 64, " or auto"),
    maxTokens: whole("max-tokens", values["max-tokens"], 1, 1_000_000) ?? 8192,
    show: whole("show", values.show, 1, 256) ?? 24,
    json: values.json ?? false,
    color: values["no-color"] !== true,
  };
  if (explore.weights !== undefined && explore.projections === "none")
    throw misuse("--weights and --projections none exclude each other");
  return { name: "explore", options: explore };
}

function misuse(message: string): CommandError {
  return new CommandError(2, `${message} (wasm-attention --help lists everything)`);
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const { message } = error as Error;
    const valueless = /^Option '(?:-\w, )?(--[\w-]+).*(?:ambiguous|argument missing)/.exec(message);
    if (valueless) throw misuse(`${valueless[1]} expected a value`);
    // The first sentence says what is wrong; further ones explain how to pass a positional with a dash.
    const [sentence] = message.split(/\. (?=[A-Z])|\n/);
    throw misuse(sentence!.charAt(0).toLowerCase() + sentence!.slice(1).replaceAll("'", '"'));
  }
}

function choice<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined || (choices as readonly string[]).includes(value)) return value as T | undefined;
  throw misuse(`--${name} expected ${choices.join(", ")}, got ${JSON.stringify(value)}`);
}

function whole(
  name: string,
  value: string | undefined,
  least: number,
  most: number,
  otherwise = "",
): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw misuse(
    `--${name} expected a whole number from ${least} to ${most}${otherwise}, got ${JSON.stringify(value)}`,
  );
}
