/**
 * Calls of every kind, with drawn arguments: sizes at and around the ends of blocks, panels and vectors, every option.
 * For tests that ask of all kernels what has nothing to do with what they compute.
 */
import { attention, longAttention, merge, packedAttention, statistics } from "./attention.ts";
import { cached, decodingLayer, layer } from "./layers.ts";
import type { CallDraw } from "./mixed-call.ts";
import { linearAttention, linformer, matmul, performer, rotary, softmax } from "./operators.ts";

export { Draws, type Place } from "./draws.ts";
export { type CallDraw, type MixedCall, numbersOf, type Results } from "./mixed-call.ts";

export const kindsOfCalls: Readonly<Record<string, CallDraw>> = {
  attention,
  longAttention,
  packedAttention,
  merge,
  statistics,
  matmul,
  softmax,
  rotary,
  linearAttention,
  linformer,
  performer,
  layer,
  cached,
  decodingLayer,
};
