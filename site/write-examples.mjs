// Makes a page of each program in examples/: generated/examples/NAME.md.
import fs from "node:fs";
import path from "node:path";

const examples = path.join(import.meta.dirname, "..", "examples");
const pages = path.join(import.meta.dirname, "generated", "examples");

fs.rmSync(pages, { recursive: true, force: true });
fs.mkdirSync(pages, { recursive: true });
for (const file of fs.readdirSync(examples).filter((name) => name.endsWith(".ts"))) {
  const code = fs.readFileSync(path.join(examples, file), "utf8");
  const name = file.replace(/\.ts$/, "");
  fs.writeFileSync(path.join(pages, `${name}.md`), `# ${file}\n\n\`\`\`ts\n${code.trim()}\n\`\`\`\n`);
}
