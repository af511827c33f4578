import { writeFile } from "node:fs/promises";
import { check } from "../program.mjs";

test("computes", async () => {
  const facts = await check();
  expect(facts.kernels).toBeDefined();
  await writeFile(process.env.FACTS, JSON.stringify(facts));
});
