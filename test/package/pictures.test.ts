// Pictures of the guides are drawn with what the package computes: they change when it does.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("the guides' pictures are what the package draws", () => {
  const { stderr, status } = spawnSync(process.execPath, ["scripts/draw-pictures.mjs", "--check"], {
    encoding: "utf8",
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
});
