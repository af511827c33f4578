import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  /** Only shapes whose name contains one of these. */
  readonly only: readonly string[];
  /** Where the figures go; without it, a full run writes `bench/results/<node major>.json`. */
  readonly json: string | undefined;
  /** The wide kernels alone: the flag that they need changes how V8 compiles all others. */
  readonly wide: boolean;
}

export const usage = `npm run bench -- [--quick] [--only NAME]... [--json FILE] [--wide]
  --quick      fewer and shorter rounds, for a first look
  --only NAME  only shapes whose name or kind contains NAME; may be repeated
  --json FILE  write the figures there (a full run writes bench/results/<node major>.json by itself)
  --wide       the wide kernels alone, as share of the relaxed peak`;

export function readOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
      wide: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values.help
    ? "help"
    : { quick: values.quick, only: values.only, json: values.json, wide: values.wide };
}
