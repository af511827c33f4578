/** Every test of the run is on checked kernels, and fails where they touched what is not theirs. */
import { afterEach, expect } from "vitest";
import { faults } from "./check-kernels.mjs";

let before = 0;
afterEach(() => {
  const made = faults() - before;
  before += made;
  expect(made, "accesses outside what the plan gave").toBe(0);
});
