import type { Execute } from "../command.ts";
import { misuse, type Values } from "../grammar/option.ts";
import { tokensThatFit } from "../terminal/heatmap.ts";
import { visible } from "../../inspect/heat-map/label.ts";
import { explore } from "./explore.ts";
import { toJson } from "./json.ts";
import type { exploreGrammar } from "./options.ts";
import { report } from "./report.ts";

export const exploreCommand: Execute<Values<(typeof exploreGrammar)["groups"]>> = async (
  values,
  [input],
  { page, json, progress, note },
) => {
  if (values.weights !== undefined && values.projections === "none")
    throw misuse("--weights and --projections none exclude each other");
  if (input === undefined)
    note('no text given, so this is a sample: pass a FILE, "some text", or - for standard input');
  const room = (tokens: readonly string[]): number =>
    json ? tokens.length : tokensThatFit(page.width, tokens.map(visible));
  const findings = await explore({ ...values, input }, progress, room);
  if (findings.tokens.note !== undefined) note(findings.tokens.note);
  return { facts: toJson(findings), lines: report(findings, page) };
};
