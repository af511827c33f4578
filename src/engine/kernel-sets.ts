// Which kernels run here. Each set is one binary; whether the platform can run it, the platform says itself by
// validating the bytes.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { kernelCodes, kernelPieces } from "./generated/kernels.ts";
import { decode } from "./kernel-text.ts";
import { environmentVariable } from "./platform.ts";

/** The kernel sets there are, slowest first. */
export type KernelSet = keyof (typeof kernelPieces)[number];

/** What a caller may ask for. */
export type KernelChoice = "auto" | "strict" | "relaxed" | "wide";

/** @internal */
export interface ChosenKernels {
  readonly set: KernelSet;
  /** Why this set. */
  readonly reason: string;
}

const choices: readonly string[] = ["auto", "strict", "relaxed", "wide"];

/** Whether the wide kernels may be used, found out by trying them; what speaks against them, or for them. */
export interface WideVerdict {
  readonly usable: boolean;
  readonly reason: string;
}

/**
 * Picks a kernel set: the option, else the environment variable WASM_ATTENTION_KERNELS, else the fastest that runs.
 *
 * @param judgeWide called where the wide kernels are asked for
 * @throws AttentionError `ERR_OPTION` for a set that does not exist, `ERR_UNSUPPORTED` for one that does not run here.
 *
 * @internal
 */
export function chooseKernels(option: KernelChoice = "auto", judgeWide: () => WideVerdict): ChosenKernels {
  const variable = option === "auto" ? environmentVariable("WASM_ATTENTION_KERNELS") : undefined;
  const name = variable ?? option;
  const source = variable === undefined ? '"kernels"' : "WASM_ATTENTION_KERNELS";
  if (!choices.includes(name))
    throw new AttentionError(
      "ERR_OPTION",
      `${source} expected one of ${choices.join(", ")}, got ${describe(name)}`,
    );
  // Where relaxed SIMD runs, the rest does: the strict kernels' text need not be read to know.
  if (!(name !== "strict" && runs("relaxed")) && !runs("strict"))
    throw new AttentionError("ERR_UNSUPPORTED", "this JavaScript engine has no WebAssembly SIMD");
  if (name === "strict") return { set: "strict", reason: `${source} asks for it` };
  if (name === "relaxed") {
    if (!runs("relaxed"))
      throw new AttentionError(
        "ERR_UNSUPPORTED",
        `${source} asks for relaxed kernels, but this JavaScript engine has no relaxed SIMD`,
      );
    return { set: "relaxed", reason: `${source} asks for it` };
  }
  let fallback = "";
  if (name === "wide") {
    const { usable, reason } = judgeWide();
    if (usable) return { set: "wide", reason: `${source} asks for it: ${reason}` };
    fallback = `${source} asks for the wide kernels, but ${reason}; `;
  }
  if (runs("relaxed")) return { set: "relaxed", reason: `${fallback}relaxed SIMD is available` };
  return { set: "strict", reason: `${fallback}this JavaScript engine has no relaxed SIMD` };
}

const validated = new Map<KernelSet, boolean>();

/** @internal Does the platform accept this set's instructions? */
export function runs(set: KernelSet): boolean {
  const known = validated.get(set);
  if (known !== undefined) return known;
  const valid = WebAssembly.validate(unshared(bytesOf(set)));
  validated.set(set, valid);
  return valid;
}

const modules = new Map<string, WebAssembly.Module>();

/** @internal Compiles a set for shared or unshared memory, once per process. */
export function compileKernels(set: KernelSet, shared: boolean): WebAssembly.Module {
  const key = `${set} ${shared}`;
  let module = modules.get(key);
  if (module === undefined) {
    const bytes = bytesOf(set);
    module = new WebAssembly.Module(shared ? bytes : unshared(bytes));
    modules.set(key, module);
  }
  return module;
}

const decoded = new Map<KernelSet, Uint8Array<ArrayBuffer>>();

/** For a shared memory. */
function bytesOf(set: KernelSet): Uint8Array<ArrayBuffer> {
  let bytes = decoded.get(set);
  if (bytes === undefined) {
    bytes = decode(
      kernelPieces.map((piece) => piece[set]),
      kernelCodes,
    );
    decoded.set(set, bytes);
  }
  return bytes;
}

// The import of the memory: module "env", name "memory", kind 2, then the limits flag: 3 = shared with a maximum,
// 1 = unshared with a maximum.
const memoryImport = [3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 3];

/** The same kernels for an unshared memory: one byte differs. */
function unshared(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = bytes.findIndex((_, i) => memoryImport.every((byte, j) => bytes[i + j] === byte));
  const copy = bytes.slice();
  copy[at + memoryImport.length - 1] = 1;
  return copy;
}
