import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  /** Only shapes whose name contains one of these. */
  readonly only: readonly string[];
  /** Where the figures go; without it, a full run writes `bench/results/<node major>.json`. */
  readonly json: string | undefined;
}

export const usage = `npm run bench -- [--quick] [--only NAME]... [--json FILE]
  --quick      fewer and shorter rounds, for a first look
  --only NAME  only shapes whose name or kind contains NAME; may be repeated
  --json FILE  write the figures there (a full run writes bench/results/<node major>.json by itself)`;

export function readOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values.help ? "help" : { quick: values.quick, only: values.only, json: values.json };
}
