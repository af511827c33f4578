/** The first calls of `npm run soak`, which makes a hundred thousand: nothing fails, nothing is left, nothing grows. */
import { expect, it } from "vitest";
import { soak } from "../soak/soak.ts";

it("some thousand mixed calls leave nothing behind", async () => {
  const { problems, samples, counts } = await soak(2500);
  expect(problems).toEqual([]);
  expect(samples.map(({ linearUsed }) => linearUsed)).toEqual(new Array(10).fill(0));
  expect(Object.values(counts).every((count) => count > 0)).toBe(true);
});
