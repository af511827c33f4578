/** The help, made from the grammars. At most 80 columns. */
import { bold, type ColourDepth } from "../terminal/colours.ts";
import { wrap } from "../terminal/table.ts";
import { flagOf, type Grammar, type Option } from "./option.ts";
import { common } from "./parse.ts";

const width = 80;
/** Where the explanations begin. */
const margin = 24;

/** What `wasm-attention COMMAND --help` prints. */
export function helpOf(grammar: Grammar, depth: ColourDepth = 1): string {
  const heading = (text: string): string => bold(text, depth);
  const sections = [
    [heading(`wasm-attention ${grammar.name}: ${grammar.summary}`)],
    [heading("Usage"), `  wasm-attention ${grammar.name} ${grammar.usage.join("\n")}`],
    wrap(grammar.description, width),
    ...Object.entries(grammar.groups).map(([title, options]) => [heading(title), ...list(options)]),
    [heading("In all commands"), ...list(common), ...entry("-h, --help", "this text")],
    [heading("Examples"), ...grammar.examples.map((line) => `  ${line}`)],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** What `wasm-attention --help` prints. */
export function overview(grammars: readonly Grammar[], depth: ColourDepth = 1): string {
  const heading = (text: string): string => bold(text, depth);
  const commands = grammars.flatMap(({ name, summary }) => entry(name, summary, 12));
  return `${heading("wasm-attention: attention on WebAssembly SIMD")}

${heading("Usage")}
  wasm-attention COMMAND [options]
  wasm-attention COMMAND --help      the command's options, with examples

${heading("Commands")}
${commands.join("\n")}

${heading("Options")}
  -h, --help            this text
  -v, --version         the version

${heading("Examples")}
${grammars.map(({ examples }) => `  ${firstOf(examples)}`).join("\n")}

${heading("Exit codes")}
  0  done
  1  failed: a file cannot be read, or what is in it does not fit
  2  called wrongly: an unknown option, a value out of range

${heading("Environment")}
  NO_COLOR, FORCE_COLOR                           no colours; colours in pipes
  WASM_ATTENTION_KERNELS, WASM_ATTENTION_THREADS  as --kernels and --threads
`;
}

/** An example may go on in the next line. */
function firstOf(examples: readonly string[]): string {
  const end = examples.findIndex((line) => !line.endsWith("\\"));
  return examples.slice(0, end + 1).join("\n  ");
}

function list(options: Readonly<Record<string, Option>>): string[] {
  return Object.entries(options).flatMap(([name, option]) => entry(spelling(name, option), option.help));
}

function spelling(name: string, { value, valueOptional }: Option): string {
  if (value === undefined) return flagOf(name);
  return valueOptional ? `${flagOf(name)}[=${value}]` : `${flagOf(name)} ${value}`;
}

/** A name and its explanation beside it, or below where the name is long. */
function entry(name: string, help: string, at: number = margin): string[] {
  const lines = wrap(help, width - at).map((line) => " ".repeat(at) + line);
  const begin = `  ${name}`;
  if (begin.length + 2 > at) return [begin, ...lines];
  return [begin.padEnd(at) + lines[0]!.slice(at), ...lines.slice(1)];
}
