/**
 * The strict kernels give the same bits on every machine and in every version of Node: those whose hashes are committed.
 *
 * A change of a hash is a change of results, for everyone. Where it is meant, `UPDATE_HASHES=1 npx vitest run
 * test/determinism/strict.test.ts` writes them anew, and the changelog says so.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createEngine } from "wasm-attention";
import { bitsOf } from "../support/accuracy.ts";
import { cases } from "./cases.ts";

const file = path.join(import.meta.dirname, "strict.json");
const update = process.env.UPDATE_HASHES === "1";
const committed: Record<string, string> = fs.existsSync(file)
  ? JSON.parse(fs.readFileSync(file, "utf8"))
  : {};

describe("strict", () => {
  const engine = createEngine({ kernels: "strict", threads: 1 });
  const hashes: Record<string, string> = {};
  afterAll(async () => {
    await engine.dispose();
    if (update) fs.writeFileSync(file, `${JSON.stringify(hashes, null, 2)}\n`);
  });

  it.each(cases)("$name", async ({ name, run }) => {
    const results = await run({ engine, call: "sync", place: (x) => x });
    hashes[name] = hashOf(results);
    if (!update) expect(hashes[name]).toBe(committed[name]);
  });

  it("has no two cases of one name, and no hashes of cases that are gone", () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    if (!update) expect(Object.keys(committed).sort()).toEqual(cases.map(({ name }) => name).sort());
  });
});

/** Of the lengths and the bits, low byte first; every NaN is the same one. */
function hashOf(results: readonly ArrayLike<number>[]): string {
  const hash = createHash("sha256");
  for (const data of results) {
    const words = bitsOf(data);
    const bytes = new DataView(new ArrayBuffer(4 * words.length + 4));
    bytes.setUint32(0, words.length, true);
    words.forEach((word, i) => void bytes.setUint32(4 * i + 4, word, true));
    hash.update(new Uint8Array(bytes.buffer));
  }
  return hash.digest("hex");
}
