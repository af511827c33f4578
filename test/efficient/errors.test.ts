/** The errors are in test/errors; an abort is none of them. */
import { describe, expect, it } from "vitest";
import * as efficient from "wasm-attention/efficient";
import { k, q, v } from "../errors/attention.ts";
import { f32 } from "../errors/rows.ts";
import { forEachEngine } from "../support/backends.ts";

describe.each(["linformerAttention", "performerAttention"] as const)("%s", (name) => {
  const call = (args: readonly unknown[]) =>
    (efficient as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]!(...args);

  forEachEngine((_, engine) => {
    it("rejects with the reason of its signal", async () => {
      const right = name === "linformerAttention" ? { keyProjection: f32(3, 5) } : { features: f32(16, 8) };
      const signal = AbortSignal.abort(new Error("enough"));
      const args = [q, k, v, { ...right, signal, engine: engine() }];
      await expect(call(args)).rejects.toThrow("enough");
    });
  });
});
