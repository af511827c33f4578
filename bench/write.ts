import fs from "node:fs";
import path from "node:path";

export function writeJson(file: string, content: unknown): void {
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  // Six digits: more than noise leaves meaning to, and lines that can be compared.
  const shorten = (_key: string, x: unknown) =>
    typeof x === "number" && !Number.isInteger(x) ? Number(x.toPrecision(6)) : x;
  fs.writeFileSync(file, `${JSON.stringify(content, shorten, 2)}\n`);
}

/** What was typed, as it can be typed again. */
export function formatCommand(script: string, args: readonly string[]): string {
  return [script, ...(args.length > 0 ? ["--", ...args] : [])].join(" ");
}
