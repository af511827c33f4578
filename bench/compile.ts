import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { compiledFolder } from "./paths.ts";

/** The bytes of an AssemblyScript text with the WebAssembly features named, compiled unless the same text has been already. */
export function compile(
  name: string,
  source: string,
  features: readonly string[] = ["simd"],
): Uint8Array<ArrayBuffer> {
  const sourceFile = path.join(compiledFolder, `${name}.ts`);
  const binaryFile = path.join(compiledFolder, `${name}.wasm`);
  const isCurrent = fs.existsSync(binaryFile) && readIfThere(sourceFile) === source;
  if (!isCurrent) {
    fs.mkdirSync(compiledFolder, { recursive: true });
    fs.rmSync(binaryFile, { force: true });
    fs.writeFileSync(sourceFile, source);
    runCompiler(name, features);
  }
  return new Uint8Array(fs.readFileSync(binaryFile));
}

function readIfThere(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}

/** asc takes paths relative to where it runs. */
function runCompiler(name: string, features: readonly string[]): void {
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  const enabled = features.flatMap((feature) => ["--enable", feature]);
  const options = ["-O3", "--runtime", "stub", "--noAssert", ...enabled, "--outFile", `${name}.wasm`];
  execFileSync(process.execPath, [asc, `${name}.ts`, ...options], {
    cwd: compiledFolder,
    stdio: ["ignore", "inherit", "inherit"],
  });
}
