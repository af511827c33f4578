import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createSource } from "./source.ts";

/** The bytes of a kernel set's peak loops, compiled into `folder` unless the same source is there already. */
export function compilePeak(set: "strict" | "relaxed", folder: string): Uint8Array<ArrayBuffer> {
  const source = createSource(set);
  const sourceFile = path.join(folder, `${set}.ts`);
  const binaryFile = path.join(folder, `${set}.wasm`);
  const isCurrent = fs.existsSync(binaryFile) && readIfThere(sourceFile) === source;
  if (!isCurrent) {
    fs.mkdirSync(folder, { recursive: true });
    fs.rmSync(binaryFile, { force: true });
    fs.writeFileSync(sourceFile, source);
    compile(set, folder);
  }
  return new Uint8Array(fs.readFileSync(binaryFile));
}

function readIfThere(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}

/** asc takes paths relative to where it runs. */
function compile(set: "strict" | "relaxed", folder: string): void {
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  const features =
    set === "relaxed" ? ["--enable", "simd", "--enable", "relaxed-simd"] : ["--enable", "simd"];
  const options = [
    `${set}.ts`,
    "-O3",
    "--runtime",
    "stub",
    "--noAssert",
    ...features,
    "--outFile",
    `${set}.wasm`,
  ];
  execFileSync(process.execPath, [asc, ...options], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
}
