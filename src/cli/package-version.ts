import { readFileSync } from "node:fs";

export function packageVersion(): string {
  // From dist/cli/, where all of the command line is bundled, as from src/cli/.
  const file = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}
