// Compiled kernels with a check before each access to memory: every pointer goes through a function of the guard
// (guard-module.mjs), which is imported. Otherwise the code is the one that ships.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";

const source = fileURLToPath(import.meta.url);
const folder = path.join(path.dirname(source), "../../../build/bounds");

/** Bytes that a SIMD instruction of its own kind loads or stores; plain loads and stores say theirs. */
const simdBytes = new Map(
  Object.entries(binaryen)
    .map(([name, op]) => ({ op, found: /^(?:Load|Store)(\d+)(?:x(\d+))?\w*Vec128$/.exec(name) }))
    .filter(({ found }) => found !== null)
    .map(({ op, found }) => [op, (Number(found[1]) / 8) * Number(found[2] ?? 1)]),
);

const childNames =
  "body children condition ifTrue ifFalse operands value ptr dest source size left right vec shift a b c".split(
    " ",
  );

/**
 * Kernels whose accesses are checked; kept on disk, as this takes a second.
 *
 * @param {Uint8Array} bytes
 * @returns {Uint8Array}
 */
export function instrument(bytes) {
  const digest = createHash("sha256").update(bytes).update(fs.readFileSync(source)).digest("hex");
  const file = path.join(folder, `${digest.slice(0, 16)}.wasm`);
  if (fs.existsSync(file)) return fs.readFileSync(file);
  const checked = rewrite(bytes);
  fs.mkdirSync(folder, { recursive: true });
  // Several test files may want it at once: each writes one of its own, and the last rename counts.
  const temporary = `${file}.${process.pid}`;
  fs.writeFileSync(temporary, checked);
  fs.renameSync(temporary, file);
  return checked;
}

/** Where the kernels' constants lie, as [start, end) pairs. */
export function constantsOf(/** @type {Uint8Array} */ bytes) {
  const wasm = read(bytes);
  /** @type {[number, number][]} */
  const ranges = [];
  for (let i = 0; i < wasm.getNumDataSegments(); i++) {
    const { offset, data } = wasm.getDataSegmentInfo(wasm.getDataSegmentByIndex(i));
    ranges.push([offset, offset + data.byteLength]);
  }
  wasm.dispose();
  return ranges;
}

function read(bytes) {
  const wasm = binaryen.readBinary(bytes);
  wasm.setFeatures(binaryen.Features.All);
  return wasm;
}

function rewrite(bytes) {
  const wasm = read(bytes);
  const { i32 } = binaryen;
  /** The pointer, once a function of the guard has looked at it. */
  const checked = (name, ...operands) => {
    if (!wasm.getFunction(name)) {
      const parameters = binaryen.createType(operands.map(() => i32));
      wasm.addFunctionImport(name, "guard", name, parameters, i32);
    }
    return wasm.call(name, operands, i32);
  };
  const bodies = Array.from({ length: wasm.getNumFunctions() }, (_, i) =>
    binaryen.getFunctionInfo(wasm.getFunctionByIndex(i)),
  ).filter(({ module: from }) => from === "");
  for (const { body } of bodies) visit(body, (ref, info) => check(ref, info, wasm, checked));
  if (!wasm.validate()) throw new Error("the checked kernels are not valid");
  const result = wasm.emitBinary();
  wasm.dispose();
  return result;
}

function check(ref, info, wasm, checked) {
  const access = (expression, bytes, isStore) => {
    const name = `${isStore ? "write" : "read"}${bytes}`;
    expression.ptr = checked(name, expression.ptr, wasm.i32.const(expression.offset));
  };
  switch (info.id) {
    case binaryen.LoadId:
    case binaryen.StoreId:
      access(wrapperOf(ref, info), info.bytes, info.id === binaryen.StoreId);
      break;
    case binaryen.SIMDLoadId:
      access(binaryen.SIMDLoad(ref), bytesOf(info.op), false);
      break;
    case binaryen.SIMDLoadStoreLaneId:
      access(binaryen.SIMDLoadStoreLane(ref), bytesOf(info.op), binaryen.SIMDLoadStoreLane(ref).store);
      break;
    case binaryen.MemoryCopyId: {
      const copy = binaryen.MemoryCopy(ref);
      copy.dest = checked("dest", copy.dest);
      copy.source = checked("source", copy.source);
      copy.size = checked("copied", copy.size);
      break;
    }
    case binaryen.MemoryFillId: {
      const fill = binaryen.MemoryFill(ref);
      fill.dest = checked("dest", fill.dest);
      fill.size = checked("filled", fill.size);
      break;
    }
    default:
      if (/Memory|Atomic/.test(nameOf(info.id)) && info.id !== binaryen.AtomicFenceId)
        throw new Error(`no check is known for ${nameOf(info.id)}`);
  }
}

const wrapperOf = (ref, { id }) => (id === binaryen.LoadId ? binaryen.Load(ref) : binaryen.Store(ref));

function bytesOf(op) {
  const bytes = simdBytes.get(op);
  if (bytes === undefined) throw new Error(`no size is known of SIMD access ${op}`);
  return bytes;
}

const nameOf = (id) => Object.keys(binaryen).find((name) => /Id$/.test(name) && binaryen[name] === id) ?? "";

/** Calls `act` for each expression, children first: what it puts around a child is not visited. */
function visit(ref, act) {
  if (!ref) return;
  const info = binaryen.getExpressionInfo(ref);
  if (info.id !== binaryen.ConstId)
    for (const name of childNames) for (const child of [info[name] ?? []].flat()) visit(child, act);
  act(ref, info);
}
