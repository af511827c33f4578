/**
 * The operator cases of the ONNX project (Apache License 2.0, copyright the ONNX project contributors). They
 * are not part of this repository: the folder beside it is read in place, and where it is absent, suites
 * say that they skipped.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";

/** Where the cases are looked for, relative to the repository's root. */
const folderName = "../shared/conformance/onnx";

const folder = fileURLToPath(new URL(`../../${folderName}`, import.meta.url));

const present: boolean = existsSync(folder);

/** A suite over the cases; where they are absent, one that says so: a suite must not be empty. */
export function describeOnnx(name: string, suite: () => void): void {
  if (present) describe(name, suite);
  else describe.skip(name, () => it(`the folder ${folderName} is absent`, () => {}));
}

export interface OnnxTensor {
  readonly name: string;
  /** As in the model: a float16 tensor is stored as float32, a bool tensor as bytes. */
  readonly dtype: "float32" | "float16" | "bool" | "int64";
  readonly data: Float32Array | Uint8Array | BigInt64Array;
  readonly shape: readonly number[];
}

export interface OnnxCase {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly opset: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** In the operator's order, null for an absent one. */
  readonly inputs: readonly (OnnxTensor | null)[];
  readonly outputs: readonly (OnnxTensor | null)[];
}

interface TensorEntry extends Omit<OnnxTensor, "data"> {
  readonly storage: "float32" | "uint8" | "int64";
  readonly file: string;
  readonly offset: number;
  readonly nbytes: number;
}

/** The cases of an operator, or of all. */
export function onnxCases(op?: string): OnnxCase[] {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "case.json")));
  return names
    .sort()
    .map(readCase)
    .filter((found) => op === undefined || found.op === op);
}

function readCase(name: string): OnnxCase {
  const meta = JSON.parse(readFileSync(join(folder, name, "case.json"), "utf8"));
  const read = (entry: TensorEntry | null) => entry && readTensor(join(folder, name), entry);
  return { ...meta, inputs: meta.inputs.map(read), outputs: meta.outputs.map(read) };
}

function readTensor(caseFolder: string, entry: TensorEntry): OnnxTensor {
  const bytes = new Uint8Array(readFileSync(join(caseFolder, entry.file))).buffer;
  const slice = bytes.slice(entry.offset, entry.offset + entry.nbytes);
  const types = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array };
  return { name: entry.name, dtype: entry.dtype, shape: entry.shape, data: new types[entry.storage](slice) };
}
