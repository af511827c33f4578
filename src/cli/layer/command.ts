/** A PyTorch layer over tensors in files. */
import { type LayerRotary, MultiHeadAttention } from "../../index.ts";
import type { Execute } from "../command.ts";
import { readLayerWeights, refusing } from "../files/layer-weights.ts";
import { drawWeights, pictureTargets } from "../files/pictures.ts";
import { placeOf } from "../files/place.ts";
import { describeFile, reportFiles } from "../files/report.ts";
import { checkTargets, targetOf, writeResults } from "../files/targets.ts";
import { type FileTensor, readFloats, readMask } from "../files/tensor-file.ts";
import { misuse } from "../grammar/option.ts";
import { openEngine } from "../open-engine.ts";
import type { LayerOptions } from "./options.ts";

export const layerCommand: Execute<LayerOptions> = async (values, _, { page, progress, note }) => {
  const { input, key, value, keyPaddingMask, attnMask, weights } = values;
  const drawn = pictureTargets(values);
  if (values.perHead && values.weightsOut === undefined && drawn.length === 0)
    throw misuse("--per-head expected --weights-out FILE, --svg FILE or --png FILE");
  const targets = [targetOf(values.out, "--out", "output")];
  if (values.weightsOut !== undefined) targets.push(targetOf(values.weightsOut, "--weights-out", "weights"));
  const places = [input, key, value, keyPaddingMask, attnMask, weights].filter(
    (place) => place !== undefined,
  );
  await checkTargets(
    [...targets, ...drawn],
    places.map((place) => placeOf(place).file),
  );

  progress.stage("reading");
  const { stateDict, prefix } = await readLayerWeights(weights, values.prefix);
  const tokens = await readInputs(values);
  const masks = {
    keyPaddingMask: await maskOf(keyPaddingMask, "--key-padding-mask", values.torchMasks, note),
    attnMask: await maskOf(attnMask, "--attn-mask", values.torchMasks, note),
  };

  const engine = openEngine(values, note);
  try {
    const { heads: numHeads, kvHeads: numKvHeads, addZeroAttn, causal } = values;
    const rotary = rotaryOf(values);
    const layer = refusing(weights, () =>
      MultiHeadAttention.fromStateDict(stateDict, { numHeads, numKvHeads, addZeroAttn, rotary, engine }),
    );
    progress.stage("running the layer");
    const begun = performance.now();
    const { input: query, key = query, value = key } = tokens;
    const made = await layer.forward(query, key, value, {
      ...masks,
      causal,
      needWeights: values.weightsOut !== undefined || drawn.length > 0,
      averageWeights: !values.perHead,
    });
    const milliseconds = performance.now() - begun;
    progress.stage("writing");
    const { contents, pictures } = drawWeights(drawn, made.weights, values, note, !values.perHead);
    const outputs = await writeResults(
      targets.map((target) => ({
        target,
        tensor: target.result === "output" ? made.output : made.weights!,
      })),
      contents,
    );
    const { kernels, kernelsReason: reason, threads } = engine.info();
    const { embedDim, headDim } = layer;
    const facts = {
      layer: { weights, prefix, embedDim, heads: numHeads, kvHeads: layer.numKvHeads, headSize: headDim },
      inputs: Object.fromEntries(
        Object.entries(tokens).map(([name, tensor]) => [name, describeFile(tensor)]),
      ),
      engine: { kernels, reason, threads },
      milliseconds,
      outputs,
      pictures,
    };
    const title = `${numHeads} heads of ${headDim} on ${kernels} kernels`;
    return {
      facts,
      lines: reportFiles({ title, inputs: tokens, milliseconds, threads, outputs, pictures }, page),
    };
  } finally {
    await engine.dispose();
  }
};

interface Inputs extends Record<string, FileTensor<Float32Array>> {
  readonly input: FileTensor<Float32Array>;
}

/** Those that were given. */
async function readInputs({ input, key, value }: LayerOptions): Promise<Inputs> {
  return {
    input: await readFloats(input, "--input"),
    ...(key !== undefined && { key: await readFloats(key, "--key") }),
    ...(value !== undefined && { value: await readFloats(value, "--value") }),
  };
}

/** A mask with 1 = attend. */
async function maskOf(
  place: string | undefined,
  flag: string,
  isTorch: boolean,
  note: (text: string) => void,
): Promise<Awaited<ReturnType<typeof readMask>> | undefined> {
  if (place === undefined) return undefined;
  const mask = await readMask(place, flag, note);
  const { data } = mask;
  return isTorch && data instanceof Uint8Array ? { ...mask, data: data.map((ignored) => 1 - ignored) } : mask;
}

function rotaryOf({ rotary, rotaryBase, rotaryDim, rotaryInterleaved }: LayerOptions): boolean | LayerRotary {
  const isDetailed = rotaryBase !== undefined || rotaryDim !== undefined || rotaryInterleaved;
  if (!rotary && isDetailed)
    throw misuse("--rotary-base, --rotary-dim and --rotary-interleaved expected --rotary");
  return rotary && { base: rotaryBase, dim: rotaryDim, interleaved: rotaryInterleaved };
}
