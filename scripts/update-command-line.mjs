// Fills docs/command-line.md with what the built command prints: below each line <!-- output: ARGUMENTS --> the block that
// follows is replaced by the command and its output.
//   node scripts/update-command-line.mjs [--check]
//   --check   changes nothing; exit code 1 if a help is not what the command prints. Times and machines differ, so of the
//             other blocks only the command is compared.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const document = path.join(root, "docs", "command-line.md");
const main = path.join(root, "dist", "cli", "main.js");
const check = process.argv.includes("--check");

const found = fs.readFileSync(document, "utf8");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "command-line-"));
const filled = found.replace(
  /(<!-- output: (.*?) -->\n+)```text\n(.*?)```/gs,
  (block, begin, args, output) => {
    const shown = `$ npx wasm-attention ${args}\n`;
    if (check && !args.endsWith("--help")) return output.startsWith(shown) ? block : `${begin}${shown}`;
    return `${begin}\`\`\`text\n${shown}${outputOf(args)}\`\`\``;
  },
);
fs.rmSync(folder, { recursive: true });
if (!check) fs.writeFileSync(document, filled);
else if (filled !== found) {
  console.error('docs/command-line.md is not what the command prints: run "npm run command-line"');
  process.exitCode = 1;
}

/** Runs in a folder of its own, in which one command finds what another has written. */
function outputOf(args) {
  if (!check) makeInputs();
  const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  const env = { ...process.env, NO_COLOR: "1" };
  return execFileSync(process.execPath, [main, ...words], { cwd: folder, env, encoding: "utf8" });
}

/** The files of the examples: one batch entry of BERT-base's attention, and a layer. */
function makeInputs() {
  if (fs.existsSync(path.join(folder, "q.npy"))) return;
  const program = `
    import fs from "node:fs";
    import { MultiHeadAttention } from "wasm-attention";
    import { writeNpy } from "wasm-attention/npy";
    import { writeSafetensors } from "wasm-attention/safetensors";
    const wave = (name, ...shape) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i));
      fs.writeFileSync(process.argv[1] + "/" + name + ".npy", writeNpy({ data, shape }));
    };
    for (const name of "qkv") wave(name, 1, 12, 512, 64);
    wave("x", 1, 128, 768);
    const layer = new MultiHeadAttention({ embedDim: 768, numHeads: 12 });
    fs.writeFileSync(process.argv[1] + "/mha.safetensors", writeSafetensors(layer.toStateDict()));`;
  execFileSync(process.execPath, ["--input-type=module", "-e", program, folder], { cwd: root });
}
