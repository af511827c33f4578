import { expect, test } from "vitest";
import { sizeOfShape, sliceOf } from "../../src/cli/bench/shape.ts";
import { run } from "../support/command.ts";

test("shapes", () => {
  expect(sizeOfShape("12x512x64", true)).toEqual({ B: 1, H: 12, K: 12, L: 512, S: 512, E: 64, causal: true });
  expect(sizeOfShape("32/8x1/4096x128", false)).toMatchObject({ H: 32, K: 8, L: 1, S: 4096, E: 128 });
  for (const [shape, causal, message] of [
    ["12x512", false, "bench expected shapes HEADSxTOKENSxSIZE"],
    ["0x512x64", false, "bench expected shapes HEADSxTOKENSxSIZE"],
    ["6/4x8x8", false, "6/4x8x8 expected key/value heads that divide 6, the query heads, got 4"],
    ["2x1/8x8", true, "2x1/8x8 with --causal expected as many queries as keys"],
    ["99999x99999x64", false, "expected tensors of at most 268435456 numbers"],
  ] as const)
    expect(() => sizeOfShape(shape, causal)).toThrow(message);
});

test("plain JavaScript gets what it can do in a tenth of a second", () => {
  const slice = (shape: string, causal = false) => sliceOf(sizeOfShape(shape, causal));
  expect(slice("1x32x64")).toEqual(sizeOfShape("1x32x64", false));
  expect(slice("12x512x64")).toMatchObject({ H: 1, K: 1, L: 512, S: 512 });
  expect(slice("64/8x1/8192x128")).toMatchObject({ H: 8, K: 1, L: 1, S: 8192 });
  const long = slice("1x20000x64");
  expect(long).toMatchObject({ L: 13, S: 20000 });
  const causal = slice("1x20000x64", true);
  expect(causal.L).toBe(causal.S);
});

test("times a shape, checked, as JSON and as a table", async () => {
  const args = ["bench", "2x64x16", "4/2x1/128x16", "--rounds", "1", "--threads", "2"];
  const { code, stdout, stderr } = await run([...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { command, engine, machine, shapes } = JSON.parse(stdout);
  expect(command).toBe("bench");
  expect(engine.threads).toBe(2);
  expect(machine.v8).toBe(process.versions.v8);
  expect(shapes.map(({ shape, flops }: { shape: string; flops: number }) => [shape, flops])).toEqual([
    ["2x64x16", 4 * 2 * 64 * 64 * 16],
    ["4/2x1/128x16", 4 * 4 * 128 * 16],
  ]);
  for (const { error, naive, tuned, oneThread, allThreads, peak, shareOfPeak } of shapes) {
    expect(error).toBeLessThan(1e-4);
    for (const { best, median, gflops } of [naive, tuned, oneThread, allThreads]) {
      expect(best).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(best);
      expect(gflops).toBeGreaterThan(0);
    }
    expect(shareOfPeak).toBeCloseTo(oneThread.gflops / peak.gflops, 6);
  }
  const table = await run(["bench", "2x32x16", "--causal", "--rounds", "1", "--threads", "1"]);
  expect(table.stdout).toMatch(/\n2x32x16 causal +[\d.]+ µs/);
  for (const line of table.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("a shape that is none is called wrongly", async () => {
  const { code, stderr } = await run(["bench", "12x512"]);
  expect(code).toBe(2);
  expect(stderr).toContain('as in 12x512x64 or 32/8x1/4096x128, got "12x512"');
});
