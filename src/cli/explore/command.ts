import { visible } from "../../inspect/text/label.ts";
import type { Execute } from "../command.ts";
import { drawPictures, type PictureTarget, pictureTargets, type WrittenPicture } from "../files/pictures.ts";
import { replaceFiles } from "../files/replace-files.ts";
import { checkTargets } from "../files/targets.ts";
import { misuse, type Values } from "../grammar/option.ts";
import { tokensThatFit } from "../terminal/heatmap.ts";
import { explore, type Findings } from "./explore.ts";
import { toJson } from "./json.ts";
import type { exploreGrammar } from "./options.ts";
import { pageTargets } from "./page.ts";
import { report, title } from "./report.ts";

export const exploreCommand: Execute<Values<(typeof exploreGrammar)["groups"]>> = async (
  values,
  [input],
  { page, json, progress, note },
) => {
  if (values.weights !== undefined && values.projections === "none")
    throw misuse("--weights and --projections none exclude each other");
  if (values.prefix !== undefined && values.weights === undefined)
    throw misuse("--prefix expected --weights FILE");
  const drawn = pictureTargets(values);
  await checkTargets(
    [...drawn, ...pageTargets(values)],
    [input, values.weights].filter((file) => file !== undefined),
  );
  if (input === undefined)
    note('no text given, so this is a sample: pass a FILE, "some text", or - for standard input');
  const room = (tokens: readonly string[]): number =>
    json ? tokens.length : tokensThatFit(page.width, tokens.map(visible));
  const findings = await explore({ ...values, input }, progress, room, note);
  if (findings.tokens.note !== undefined) note(findings.tokens.note);
  const pictures = await writePictures(drawn, findings);
  return { facts: toJson(findings, pictures), lines: report(findings, pictures, page) };
};

async function writePictures(
  targets: readonly PictureTarget[],
  findings: Findings,
): Promise<readonly WrittenPicture[]> {
  const { maps, options } = findings;
  if (maps === undefined) return [];
  const labels = {
    title: title(findings),
    tokens: maps.tokens,
    heads: maps.heads.map((head) => `head ${head}`),
  };
  const { contents, pictures } = drawPictures(targets, maps.weights, options, labels);
  await replaceFiles(contents);
  return pictures;
}
