// A conversation that goes on from a long prompt, with the right answers: a message of several tokens, then single ones.
import { scaledDotProductAttention } from "wasm-attention/reference";
import type { Model } from "../src/settings.ts";
import type { WireTensor } from "../src/tensors.ts";
import { isClose, random, type Sent, sent } from "./numbers.ts";

export interface Turn {
  readonly tokens: number;
  readonly body: string;
  /** Whether these lines are the answer, one a token. */
  isRight(lines: string): boolean;
}

export interface Conversation {
  /** Keys and values of the prompt, in parts. */
  readonly prompt: readonly { readonly key: WireTensor; readonly value: WireTensor }[];
  readonly turns: readonly Turn[];
}

type Name = "query" | "key" | "value";
type Rows = Readonly<Record<Name, Sent>>;

/** Tokens of the prompt that one request brings: 1.4 MB of JSON at the shape of Llama 3 8B. */
const PROMPT_PART = 128;

/** @param promptTokens a multiple of 128, or less */
export function makeConversation(
  model: Model,
  promptTokens: number,
  turns: readonly number[],
  seed: number,
): Conversation {
  const total = promptTokens + turns.reduce((sum, tokens) => sum + tokens, 0);
  const all: Rows = {
    query: random([total, model.heads, model.headDim], seed),
    key: random([total, model.kvHeads, model.headDim], seed + 1),
    value: random([total, model.kvHeads, model.headDim], seed + 2),
  };
  const part = Math.min(PROMPT_PART, promptTokens);
  const prompt = Array.from({ length: promptTokens / part }, (_, i) => {
    const { key, value } = rows(all, i * part, (i + 1) * part);
    return { key: key.wire, value: value.wire };
  });
  let position = promptTokens;
  return {
    prompt,
    turns: turns.map((tokens) => {
      const turn = makeTurn(all, position, tokens);
      position += tokens;
      return turn;
    }),
  };
}

function makeTurn(all: Rows, position: number, tokens: number): Turn {
  const end = position + tokens;
  const newRows = rows(all, position, end);
  const { query } = newRows;
  const { key, value } = rows(all, 0, end);
  const { output } = scaledDotProductAttention(query, key, value, { layout: "BLHE", causal: "bottom-right" });
  const size = output.data.length / tokens;
  return {
    tokens,
    body: JSON.stringify({ query: query.wire, key: newRows.key.wire, value: newRows.value.wire }),
    isRight(text) {
      const lines = text.trimEnd().split("\n");
      return lines.length === tokens && lines.every((line, i) => isLineRight(line, i));
    },
  };

  function isLineRight(line: string, i: number): boolean {
    const answer = JSON.parse(line) as { position: number; output: WireTensor };
    return (
      answer.position === position + i &&
      isClose(answer.output, output.data.subarray(i * size, (i + 1) * size))
    );
  }
}

function rows(all: Rows, from: number, to: number): Rows {
  const cut = ({ shape, data }: Sent) => {
    const size = data.length / shape[0]!;
    return sent([to - from, ...shape.slice(1)], data.slice(from * size, to * size));
  };
  return { query: cut(all.query), key: cut(all.key), value: cut(all.value) };
}
