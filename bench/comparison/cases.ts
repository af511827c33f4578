/** What is compared with other runtimes: shapes of published models, from their configuration files. */
import { createAttentionCase } from "../attention-case.ts";
import type { Case } from "../case.ts";
import { createDecodeCase } from "../decode-case.ts";
import { createLayerCase } from "../layer-case.ts";
import { createMatmulCase } from "../matmul-case.ts";
import type { Contender } from "../ours.ts";
import { shapes } from "../shapes.ts";
import { createSoftmaxCase } from "../softmax-case.ts";

export interface NamedCase {
  readonly name: string;
  create(contenders: readonly Contender[]): Case;
}

const llama = { B: 1, H: 32, K: 8, L: 1, E: 128, causal: false };

export const cases: readonly NamedCase[] = [
  // Prefill, causal prefill, grouped heads, and a call in which there is little to compute.
  ...["bert-base", "gpt2-causal", "llama3-8b-causal", "one-head"].map(fromShapes),
  // Steps of Llama 3 8B with caches of several lengths and types.
  ...[512, 4096, 16384].map((S) => decode(`llama3-8b-step-${S}`, S)),
  // BERT-base's layer: 12 heads of 64, a paragraph.
  {
    name: "bert-layer",
    create: (contenders) => createLayerCase("bert-layer", { L: 128, embedDim: 768, H: 12 }, contenders),
  },
  ...["bert-projection", "bert-feed-forward", "gpt2-one-row", "bert-scores"].map(fromShapes),
];

function decode(name: string, S: number): NamedCase {
  return { name, create: (contenders) => createDecodeCase(name, { ...llama, S }, contenders) };
}

function fromShapes(name: string): NamedCase {
  const shape = shapes.find((one) => one.name === name);
  if (shape === undefined) throw new Error(`no shape ${name}`);
  return {
    name,
    create: (contenders) => {
      if (shape.kind === "attention") return createAttentionCase(name, shape.size, contenders);
      if (shape.kind === "matmul") return createMatmulCase(name, shape.size, contenders);
      return createSoftmaxCase(name, shape.size, contenders);
    },
  };
}
