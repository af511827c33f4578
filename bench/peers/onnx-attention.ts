/** Attention as ONNX Runtime can be asked for it: in one operator, of which there are three, or in its parts. */

import { causalMask, swapMiddle, takeTokens } from "../layouts.ts";
import type { AttentionInputs, AttentionSize } from "../problem.ts";
import type { Node, Operand } from "./onnx-encoder.ts";
import { asItIs, float32, int32, outputOf, type Program } from "./onnx-program.ts";

const microsoft = "com.microsoft";

export function attentionPrograms(size: AttentionSize, inputs: AttentionInputs): Program[] {
  const { H, K, causal } = size;
  return [
    standard(size, inputs),
    ...(K === H ? [multiHead(size, inputs)] : []),
    ...(causal ? [groupedQuery(size, inputs)] : []),
    inParts(size, inputs),
  ];
}

/** ONNX's own operator, since opset 23. */
function standard({ B, H, K, L, S, E, causal }: AttentionSize, inputs: AttentionInputs): Program {
  return {
    way: "Attention",
    nodes: [
      {
        op: "Attention",
        inputs: ["query", "key", "value"],
        outputs: ["output"],
        attributes: { is_causal: causal ? 1 : 0 },
      },
    ],
    inputs: [
      float32("query", [B, H, L, E], inputs.query),
      float32("key", [B, K, S, E], inputs.key),
      float32("value", [B, K, S, E], inputs.value),
    ],
    outputs: [outputOf([B, H, L, E])],
    read: asItIs,
  };
}

/** Tokens before heads, as these operators want it and a projection writes it. */
function tokensFirst({ B, H, K, L, S, E }: AttentionSize, { query, key, value }: AttentionInputs) {
  return {
    query: float32("query", [B, L, H * E], swapMiddle(query, [B, H, L, E])),
    key: float32("key", [B, S, K * E], swapMiddle(key, [B, K, S, E])),
    value: float32("value", [B, S, K * E], swapMiddle(value, [B, K, S, E])),
    output: outputOf([B, L, H * E]),
    read: (output: Float32Array) => swapMiddle(output, [B, L, H, E]),
  };
}

function multiHead(size: AttentionSize, inputs: AttentionInputs): Program {
  const { query, key, value, output, read } = tokensFirst(size, inputs);
  return {
    way: "MultiHeadAttention",
    nodes: [
      {
        op: "MultiHeadAttention",
        domain: microsoft,
        inputs: ["query", "key", "value"],
        outputs: ["output"],
        attributes: { num_heads: size.H, unidirectional: size.causal ? 1 : 0 },
      },
    ],
    inputs: [query, key, value],
    outputs: [output],
    read,
  };
}

/** Always causal; it insists on filling a cache. */
function groupedQuery(size: AttentionSize, inputs: AttentionInputs): Program {
  const { B, K, S, E } = size;
  const { query, key, value, output, read } = tokensFirst(size, inputs);
  const present = (name: string) => float32(name, [B, K, S, E], new Float32Array(B * K * S * E));
  return {
    way: "GroupQueryAttention",
    nodes: [groupedQueryNode(size, ["", ""])],
    inputs: [query, key, value, ...lengthsOf(size)],
    outputs: [output, present("presentKey"), present("presentValue")],
    read,
  };
}

function groupedQueryNode({ H, K }: AttentionSize, past: readonly string[]): Node {
  return {
    op: "GroupQueryAttention",
    domain: microsoft,
    inputs: ["query", "key", "value", ...past, "lastPositions", "length"],
    outputs: ["output", "presentKey", "presentValue"],
    attributes: { num_heads: H, kv_num_heads: K },
  };
}

function lengthsOf({ B, S }: AttentionSize): Operand[] {
  return [int32("lastPositions", [B], new Array<number>(B).fill(S - 1)), int32("length", [1], [S])];
}

/** Two products and a softmax. Query heads that share a key head are rows of one product. */
function inParts({ B, H, K, L, S, E, causal }: AttentionSize, inputs: AttentionInputs): Program {
  const rows = (H / K) * L;
  return {
    way: `FusedMatMul, ${causal ? "Add, " : ""}Softmax, MatMul`,
    nodes: [
      {
        op: "FusedMatMul",
        domain: microsoft,
        inputs: ["query", "key"],
        outputs: ["scores"],
        attributes: { transB: 1, alpha: { float: 1 / Math.sqrt(E) } },
      },
      ...(causal ? [{ op: "Add", inputs: ["scores", "mask"], outputs: ["masked"] }] : []),
      { op: "Softmax", inputs: [causal ? "masked" : "scores"], outputs: ["weights"] },
      { op: "MatMul", inputs: ["weights", "value"], outputs: ["output"] },
    ],
    constants: causal ? [float32("mask", [1, 1, rows, S], causalMask(H / K, L, S))] : [],
    inputs: [
      float32("query", [B, K, rows, E], inputs.query),
      float32("key", [B, K, S, E], inputs.key),
      float32("value", [B, K, S, E], inputs.value),
    ],
    outputs: [outputOf([B, K, rows, E])],
    read: asItIs,
  };
}

/**
 * A step over a cache. `GroupQueryAttention` appends the token itself, in place where past and present are one array. For
 * the others the cache is an array that the caller writes the token into.
 */
export function decodePrograms(size: AttentionSize, inputs: AttentionInputs): Program[] {
  const cache = { ...inputs, key: inputs.key.slice(), value: inputs.value.slice() };
  const before = () => writeToken(size, inputs, cache);
  return [
    { ...standard(size, cache), before },
    { ...inParts(size, cache), before },
    groupedQueryStep(size, inputs),
  ];
}

/** The last token: a row of each head. */
function writeToken({ B, K, S, E }: AttentionSize, from: AttentionInputs, to: AttentionInputs): void {
  for (let head = 0; head < B * K; head++) {
    const start = ((head + 1) * S - 1) * E;
    to.key.set(from.key.subarray(start, start + E), start);
    to.value.set(from.value.subarray(start, start + E), start);
  }
}

function groupedQueryStep(size: AttentionSize, inputs: AttentionInputs): Program {
  const { B, H, K, S, E } = size;
  const cache = { key: inputs.key.slice(), value: inputs.value.slice() };
  return {
    way: "GroupQueryAttention",
    nodes: [groupedQueryNode(size, ["pastKey", "pastValue"])],
    inputs: [
      float32("query", [B, 1, H * E], inputs.query),
      float32("key", [B, 1, K * E], takeTokens(inputs.key, size, S - 1, S)),
      float32("value", [B, 1, K * E], takeTokens(inputs.value, size, S - 1, S)),
      float32("pastKey", [B, K, S, E], cache.key),
      float32("pastValue", [B, K, S, E], cache.value),
      ...lengthsOf(size),
    ],
    outputs: [
      outputOf([B, 1, H * E]),
      float32("presentKey", [B, K, S, E], cache.key),
      float32("presentValue", [B, K, S, E], cache.value),
    ],
    read: asItIs,
  };
}
