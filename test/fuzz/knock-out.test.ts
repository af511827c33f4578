// Masks without some edges, cut at places right and wrong: each cut is where it was asked for and nowhere else, or the call is
// refused with an AttentionError.

import { describe, expect, it } from "vitest";
import { AttentionError } from "wasm-attention";
import { knockOutMask } from "wasm-attention/inspect";
import { oddValue } from "./damages.ts";
import { Draws } from "./draws.ts";
import { draw, SEEDS } from "./run.ts";

const places = ["entry", "head", "query", "key"] as const;
type Edge = Partial<Record<(typeof places)[number], number>>;

function drawEdges(d: Draws, sizes: readonly number[]): Edge[] {
  return Array.from({ length: d.int(0, 3) }, () => {
    const named = places.filter((name) => name === "key" || d.once(2));
    return Object.fromEntries(named.map((name) => [name, d.int(0, sizes[places.indexOf(name)]! - 1)]));
  });
}

/** Whether an edge, all of whose names it has, is cut. */
function isCut(edges: readonly Edge[], at: Required<Edge>): boolean {
  return edges.some((edge) => places.every((name) => edge[name] === undefined || edge[name] === at[name]));
}

function check(
  mask: { data: Uint8Array; shape: readonly number[] },
  edges: readonly Edge[],
  all: number[],
): void {
  const has = (name: keyof Edge) => edges.some((edge) => edge[name] !== undefined);
  const [B, H] = [has("entry") ? all[0]! : 1, has("entry") || has("head") ? all[1]! : 1];
  const [, , L, S] = all as [number, number, number, number];
  expect(mask.shape).toEqual([B, H, L, S].slice(has("entry") ? 0 : has("head") ? 1 : 2));
  mask.data.forEach((attends, n) => {
    const at = {
      key: n % S,
      query: Math.floor(n / S) % L,
      head: Math.floor(n / S / L) % H,
      entry: Math.floor(n / S / L / H),
    };
    if ((attends === 0) !== isCut(edges, at)) expect.fail(`${JSON.stringify(at)} is ${attends}`);
  });
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("knocks out or refuses", { timeout: 560_000 }, async () => {
    await draw(0.02, seed, (g) => {
      const d = new Draws(g);
      const all = d.ints(4, 1, 4);
      const edges: unknown[] = drawEdges(d, all);
      const sizes: Record<string, unknown> = { B: all[0], H: all[1], L: all[2], S: all[3] };
      const args: unknown[] = [edges, sizes];
      const wrong = d.int(1, 8);
      const world = { draws: d } as never;
      if (wrong === 1) sizes[d.pick(Object.keys(sizes))] = oddValue(world);
      if (wrong === 2) edges.push({ key: 0, [d.pick(places)]: oddValue(world) });
      if (wrong === 3) edges.push(oddValue(world));
      if (wrong === 4) args[d.int(0, 1)] = oddValue(world);
      try {
        const mask = knockOutMask(args[0] as never, args[1] as never);
        if (wrong > 4) check(mask, edges as Edge[], all);
        else expect(mask.data.length).toBe(mask.shape.reduce((product, n) => product * n, 1));
      } catch (error) {
        if (!(error instanceof AttentionError) || wrong > 4) throw error;
        expect(error.message.length, error.message).toBeLessThan(1000);
      }
    });
  });
});
