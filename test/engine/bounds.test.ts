/**
 * Every kernel stays within what its plan gave it, to the byte: operands, its parameters, its thread's scratch, constants.
 * Here with drawn arguments; `npm run test:bounds` runs all other suites the same way.
 */
// First: whatever makes an engine comes after it.
import "../support/bounds/check-kernels.mjs";

import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { KernelSet } from "wasm-attention";
import { kernelSets } from "../support/backends.ts";
import { checkedEngine, faults, operandsSeen, withheld } from "../support/bounds/check-kernels.mjs";
import { type CallDraw, Draws, kindsOfCalls } from "../support/mixed-calls/mixed-calls.ts";

/** The wide ones run wherever the relaxed ones do: what V8 makes of them does not matter here. */
const checkedSets: readonly KernelSet[] = kernelSets.includes("relaxed")
  ? ["strict", "relaxed", "wide"]
  : ["strict"];
const kinds = Object.entries(kindsOfCalls);
const seeds = Array.from({ length: 60 }, (_, i) => i + 1);

describe.each(checkedSets)("%s kernels touch nothing but what they were given", (kernels) => {
  it.each(kinds)("%s, on this thread", (_, draw) => {
    const engine = checkedEngine({ kernels, threads: 0 });
    const before = faults();
    for (const seed of seeds) {
      const call = draw(new Draws(seed), engine);
      expect(call.sync, call.name).not.toThrow();
    }
    expect(faults()).toBe(before);
  });

  it.each(kinds)("%s, on workers", async (_, draw) => {
    await using engine = checkedEngine({ kernels, threads: 2 });
    const before = faults();
    const calls = seeds.slice(0, 10).map((seed) => draw(new Draws(100 + seed), engine));
    await Promise.all(calls.map((call) => call.async?.()));
    // Workers whose kernels could not be loaded leave all to this thread.
    expect(engine.info().withoutWorkers).toBeUndefined();
    for (const call of calls) call.sync();
    expect(faults()).toBe(before);
  });
});

/** Every field of every kernel's parameters that is an address, as `kernel field`. */
function declaredOperands(): string[] {
  const source = fs.readFileSync(new URL("../../assembly/parameters.ts", import.meta.url), "utf8");
  return source.split("export class ").flatMap((declaration) => {
    const [, name] = /^(\w+)Parameters/.exec(declaration) ?? [];
    const fields = [...declaration.matchAll(/^ {2}(\w+): usize;/gm)].map(([, field]) => field!);
    return fields.map((field) => `${name![0]!.toLowerCase()}${name!.slice(1)} ${field}`);
  });
}

describe("the checks", () => {
  const engine = checkedEngine({ kernels: "strict", threads: 0 });
  /** Which calls use an operand. */
  const users = new Map<string, [CallDraw, number][]>();
  for (const [, draw] of kinds)
    for (const seed of seeds) {
      operandsSeen.clear();
      draw(new Draws(seed), engine).sync();
      for (const operand of operandsSeen) users.set(operand, [...(users.get(operand) ?? []), [draw, seed]]);
    }

  afterEach(() => {
    withheld.bytes = 0;
    vi.restoreAllMocks();
  });

  function withhold(operand: string): void {
    const [kernel, field] = operand.split(" ") as [string, string];
    Object.assign(withheld, { kernel, field, bytes: 1 });
    vi.spyOn(console, "error").mockImplementation(() => {});
  }

  it("see every operand that a kernel has", () => {
    expect(declaredOperands().length).toBeGreaterThan(70);
    expect(declaredOperands().filter((operand) => !users.has(operand))).toEqual([]);
  });

  it.each(declaredOperands())("notice when the last byte of %s is not its own", (operand) => {
    withhold(operand);
    const before = faults();
    const found = users.get(operand)!.some(([draw, seed]) => {
      const call = draw(new Draws(seed), engine);
      try {
        call.sync();
        return false;
      } catch (error) {
        expect(String(error)).toMatch(/^RangeError: kernel \w+: (reads|writes) \d+ bytes at \d+: /);
        return true;
      }
    });
    expect([found, faults() > before]).toEqual([true, true]);
  });

  it("notice on workers, too", async () => {
    await using pool = checkedEngine({ kernels: "strict", threads: 1 });
    const call = kindsOfCalls.attention!(new Draws(1), pool);
    await pool.warmUp();
    withhold("attention query");
    const before = faults();
    await expect(call.async!()).rejects.toMatchObject({ code: "ERR_WORKER" });
    expect(faults()).toBeGreaterThan(before);
    withheld.bytes = 0;
    await call.async!();
  });
});
