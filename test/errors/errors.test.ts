// Every wrong call, and its error word for word. A refused call changes nothing: neither memory nor `out`.
import { describe, expect, it } from "vitest";
import { AttentionError, tensor } from "wasm-attention";
import { forEachEngine } from "../support/backends.ts";
import { errorOf } from "../support/error-of.ts";
import { type FloatTensor, sizeOf } from "../support/random-tensors.ts";
import { groups, others } from "./groups.ts";

describe.each(groups)("$title", ({ rows, out: shape, sync, async }) => {
  forEachEngine((_, engine) => {
    it.each(rows)("%s", async (_what, args, code, message) => {
      const out = tensor(new Float32Array(sizeOf(shape!)).fill(7), shape!);
      const given = args.at(-1);
      // Options that are plain options get an out, which must stay as it is.
      const all = isPlain(given) ? [...args.slice(0, -1), { out, ...given }] : args;
      const own = isPlain(given) ? (given.out as FloatTensor | undefined)?.data : undefined;
      const before = code === "ERR_DISPOSED" ? undefined : own && Float64Array.from(own);
      const { memory } = engine().info();

      expectError(
        errorOf(() => sync(all, engine())),
        code,
        message,
      );
      await expect(async!(all, engine())).rejects.toMatchObject({ name: "AttentionError", code, message });

      expect(engine().info()).toMatchObject({ running: 0, queued: 0, memory });
      expect(out.data.every((x) => x === 7)).toBe(true);
      if (own && before) expect(Float64Array.from(own)).toEqual(before);
    });
  });
});

describe.each(Object.entries(others))("%s", (_, rows) => {
  it.each(rows)("$code: $message", ({ call, code, message }) => {
    expectError(errorOf(call), code, message);
  });
});

function expectError(error: AttentionError, code: string, message: string): void {
  expect([error.name, error.code, error.message]).toEqual(["AttentionError", code, message]);
  expect(error).toBeInstanceOf(AttentionError);
}

/** Options of which a copy is the same. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  try {
    const getters = Object.values(Object.getOwnPropertyDescriptors(value)).some(({ get }) => get);
    return !getters && !("data" in value);
  } catch {
    return false;
  }
}
