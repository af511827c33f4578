// A runtime that npm installs as a binary, where it has one for this machine.
import { spawnSync } from "node:child_process";

/** @param name of the package and of its command */
export function binary(name) {
  const path = new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const version = stdout?.match(/\d+\.\d+\.\d+/)?.[0];
  const skipped = status === 0 ? undefined : `npm has no binary of ${name} for this machine`;
  return { path, version, skipped };
}
