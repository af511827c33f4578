import type { Engine } from "wasm-attention";
import type { Draws } from "./draws.ts";

/** Anything that holds numbers, at any depth. */
export type Results = object;

/** A call with its arguments, ready to be made, as often as wanted. */
export interface MixedCall {
  readonly name: string;
  sync(): Results;
  async?(signal?: AbortSignal): Promise<Results>;
}

/** Draws the arguments of a call of one kind. */
export type CallDraw = (draws: Draws, engine: Engine) => MixedCall;

/** All numbers of some results, in order. */
export function numbersOf(results: unknown): Float32Array[] {
  if (results instanceof Float32Array) return [results];
  if (typeof results !== "object" || results === null) return [];
  const { data } = results as { readonly data?: unknown };
  return data === undefined ? Object.values(results).flatMap(numbersOf) : numbersOf(data);
}
