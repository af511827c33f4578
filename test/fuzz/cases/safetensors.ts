/** Safetensors files as they are written, read again by hand. */
import { isDeepStrictEqual } from "node:util";
import { writeSafetensors } from "wasm-attention/safetensors";
import type { FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { defined } from "./attention.ts";

const tensorNames = ["a", "b.weight", "10", "2", "é", "toJSON", "constructor"];
const bytesOf: Record<string, number> = { F32: 4, BF16: 2, F16: 2, U8: 1, BOOL: 1 };

export function drawSafetensors(d: Draws): Case {
  const tensors: Case["tensors"] = {};
  for (let n = d.int(1, 3); n > 0; n--) {
    const shape = d.ints(d.int(0, 3), 0, 3);
    const size = shape.reduce((product, m) => product * m, 1);
    tensors[d.pick(tensorNames)] = (
      d.once(4) ? { data: d.bytes(size), shape } : { data: d.floats(shape), shape }
    ) as FloatTensor;
  }
  const isBytes = (name: string) => tensors[name]!.data.BYTES_PER_ELEMENT === 1;
  const [floats, bytes] = [d.pick(["F32", "BF16", "F16", undefined]), d.pick(["U8", "BOOL", undefined])];
  // Doubles have one type only.
  const typeOf = (name: string, { data }: { data: unknown }) =>
    data instanceof Float64Array ? undefined : isBytes(name) ? bytes : floats;
  return {
    name: "writeSafetensors",
    tensors,
    optional: [],
    takes: ["data of doubles"],
    options: defined({ dtype: d.maybe(2, () => typeOf) }),
    names: [],
    call: ({ tensors: state, options }) => writeSafetensors(state as never, {}, options as never),
    judge(result, told) {
      const file = result as Uint8Array;
      const view = new DataView(file.buffer, file.byteOffset);
      const begin = 8 + Number(view.getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(file.subarray(8, begin)));
      if (Object.keys(header).sort().join() !== Object.keys(told).sort().join())
        throw new Error(`names ${Object.keys(header)}`);
      let end = 0;
      for (const [name, { data, shape }] of Object.entries(told as Record<string, FloatTensor>)) {
        const {
          dtype,
          shape: sizes,
          data_offsets: [from, to],
        } = header[name];
        if (!isDeepStrictEqual(sizes, [...shape])) throw new Error(`${name} of shape ${sizes}`);
        end = Math.max(end, to);
        const bytes = file.slice(begin + from, begin + to);
        if (dtype === "F64") {
          if (!isDeepStrictEqual([...new Float64Array(bytes.buffer)], [...data])) throw new Error(name);
        } else if (bytes.length !== bytesOf[dtype]! * data.length)
          throw new Error(`${name} has ${bytes.length} bytes`);
        else if (
          dtype === "F32" &&
          !isDeepStrictEqual(new Float32Array(bytes.buffer), Float32Array.from(data))
        )
          throw new Error(`${name} has other numbers`);
      }
      if (begin % 8 !== 0 || begin + end !== file.length) throw new Error(`${file.length} bytes`);
    },
  };
}
