/** Where cells lie: the cell at a place, and the place of a cell. */
import { describe, expect, it } from "vitest";
import { cellAt, middleOf } from "../../src/viewer/geometry.ts";

describe("the cell at a place", () => {
  const zoomed = { size: 7.3, offset: -19.1, count: 40, length: 200 };

  it("is the one whose middle is there", () => {
    for (let n = 0; n < zoomed.count; n++) expect(cellAt(middleOf(n, zoomed), zoomed)).toBe(n);
  });

  it("is the nearest at the edges, and a little beside them", () => {
    const whole = { size: 5, offset: 0, count: 40, length: 200 };
    expect([-1e-14, 0, 200, 200 + 1e-10].map((place) => cellAt(place, whole))).toEqual([0, 0, 39, 39]);
  });
});
