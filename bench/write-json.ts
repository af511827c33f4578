import fs from "node:fs";
import path from "node:path";

/** Writes figures in six digits: more than noise leaves meaning to, and lines that can be compared. */
export function writeJson(file: string, content: unknown): void {
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const shorten = (_key: string, x: unknown) =>
    typeof x === "number" && !Number.isInteger(x) ? Number(x.toPrecision(6)) : x;
  fs.writeFileSync(file, `${JSON.stringify(content, shorten, 2)}\n`);
}
