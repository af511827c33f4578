/** Attention over tensors in files. */
import type { AttentionResult } from "../../index.ts";
import type { Execute } from "../command.ts";
import { drawWeights, pictureTargets } from "../files/pictures.ts";
import { placeOf } from "../files/place.ts";
import { describeFile, reportFiles } from "../files/report.ts";
import { checkTargets, type Target, targetOf, writeResults } from "../files/targets.ts";
import { readFloats } from "../files/tensor-file.ts";
import { openEngine } from "../open-engine.ts";
import type { RunOptions } from "./options.ts";
import { placesOf, readOptions } from "./read-options.ts";

/** Results that may be asked for, by the option that does, and what the operator calls them. */
const results = [
  { option: "out", result: "output", flag: "--out" },
  { option: "returnWeights", result: "weights", flag: "--return-weights" },
  { option: "lse", result: "logSumExp", flag: "--lse" },
  { option: "returnScores", result: "scores", flag: "--return-scores" },
] as const;

export const runCommand: Execute<RunOptions> = async (values, _, { page, progress, note }) => {
  const targets = results.flatMap(({ option, result, flag }) =>
    values[option] === undefined ? [] : [targetOf(values[option], flag, result)],
  );
  const drawn = pictureTargets(values);
  await checkTargets(
    [...targets, ...drawn],
    placesOf(values).map((place) => placeOf(place).file),
  );

  progress.stage("reading");
  const query = await readFloats(values.query, "--query");
  const key = await readFloats(values.key, "--key");
  const value = await readFloats(values.value, "--value");
  const heads = query.shape.at(values.layout === "BLHE" ? -2 : -3) ?? 1;
  const asked = await readOptions(values, query.shape.length < 3 ? 1 : heads, note);
  const options = { ...asked, returnWeights: asked.returnWeights || drawn.length > 0 };

  const engine = openEngine(values, note);
  try {
    progress.stage(`attending from ${query.shape.join(" x ")} to ${key.shape.join(" x ")}`);
    const begun = performance.now();
    const made = await engine.scaledDotProductAttention(query, key, value, options);
    const milliseconds = performance.now() - begun;
    progress.stage("writing");
    const { contents, pictures } = drawWeights(drawn, made.weights, values, note);
    const results = targets.map((target) => ({ target, tensor: tensorOf(made, target) }));
    const outputs = await writeResults(results, contents);
    const { kernels, kernelsReason: reason, threads } = engine.info();
    const inputs = { query, key, value };
    const facts = {
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [name, describeFile(tensor)]),
      ),
      engine: { kernels, reason, threads },
      milliseconds,
      outputs,
      pictures,
    };
    const title = `Attention on ${kernels} kernels`;
    return { facts, lines: reportFiles({ title, inputs, milliseconds, threads, outputs, pictures }, page) };
  } finally {
    await engine.dispose();
  }
};

function tensorOf(made: AttentionResult, { result }: Target): NonNullable<AttentionResult["weights"]> {
  return made[result as keyof AttentionResult]!;
}
