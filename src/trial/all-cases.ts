// What every kernel must get right: shapes that take each register tile and each tail, and numbers that show where a lane was
// swapped, dropped or looked at by its neighbour: no two alike, with NaN, infinities, -0 and subnormals in single lanes.

import { attentionCases } from "./attention-cases.ts";
import { linearCases } from "./linear-cases.ts";
import { otherCases } from "./other-cases.ts";
import { productCases } from "./product-cases.ts";
import { statisticsCases } from "./statistics-cases.ts";
import type { TrialCase } from "./trial-case.ts";

export function createCases(): readonly TrialCase[] {
  return [...productCases(), ...attentionCases(), ...statisticsCases(), ...linearCases(), ...otherCases()];
}
