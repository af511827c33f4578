// V8's flag that joins neighbouring vectors of 4 lanes into registers of 8, which the wide kernels are made for. It holds for
// the whole process, workers included, and for what is compiled from then on. V8 compiles functions when they are first
// called and again when they have proved hot, so the flag stays set as long as there are wide kernels.

import { builtin } from "./platform.ts";

const FLAG = "experimental-wasm-revectorize";
/** Of Node 24. Those before it have the flag, and join little. */
const FIRST_V8 = 13.6;

/** Why this platform cannot join vectors; whether the processor can (AVX2), V8 sees for itself. */
export function whyNoRevectorization(): string | undefined {
  const { versions, arch } = globalThis.process ?? {};
  if (versions?.node === undefined || versions.v8 === undefined || v8() === undefined)
    return "this is not Node, whose V8 they are made for";
  if (Number.parseFloat(versions.v8) < FIRST_V8) return `they need Node 24, and this is ${versions.node}`;
  if (arch !== "x64") return `they need an x86-64 processor, and this is ${arch}`;
  return undefined;
}

export function setRevectorization(on: boolean): void {
  v8()!.setFlagsFromString(on ? `--${FLAG}` : `--no-${FLAG}`);
}

function v8(): typeof import("node:v8") | undefined {
  return builtin("node:v8");
}
