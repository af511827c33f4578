/** The wrong calls as a page. */
import { everyTensor, groups, others } from "./groups.ts";
import type { Code } from "./rows.ts";

const codes: Readonly<Record<Code, string>> = {
  ERR_SHAPE: "sizes that do not fit each other, or the data",
  ERR_DTYPE: "another type than expected, or something that cannot be read",
  ERR_OPTION: "an option that does not exist, or a value that it cannot have",
  ERR_MEMORY: "more memory than there is, or than `maxMemory` allows",
  ERR_DISPOSED: "a tensor, cache, layer or engine that was disposed, or a buffer that was transferred",
  ERR_WORKER: "a worker thread that failed; the call may be made again",
  ERR_QUEUE_FULL: "more calls are waiting than `queueLimit` allows",
  ERR_FILE: "a file that the system does not read or write; its own error is the `cause`",
  ERR_UNSUPPORTED: "something that this machine, or this package, cannot do",
};

const introduction = `# Errors

Every wrong call throws an \`AttentionError\`, or rejects with one, with a \`code\` that programs can switch on and a message
that says which argument is wrong, what was expected and what came. Arguments are checked before anything is allocated or
written: after a refused call inputs, \`out\`, caches and linear memory are as they were. An abort rejects with the reason
of its signal instead.

What was read of an argument and checked is what is computed with, whatever getters and proxies say afterwards. A getter or a proxy
that throws gives \`ERR_DTYPE\`, with what it threw as \`cause\`.

This page is made from the tests (\`npm run errors\`), which make each of these calls and compare code and message.`;

/** The whole page. A row that all tensors share is shown once. */
export function errorsPage(): string {
  const shared = new Set(everyTensor.map(([what]) => what.slice(what.indexOf(":"))));
  const isShared = (what: string) => what.includes(":") && shared.has(what.slice(what.indexOf(":")));
  const operators = groups.flatMap(({ title, rows }) => [
    `## ${title}`,
    table(
      "What is wrong",
      rows.filter(([what]) => !isShared(what)).map(([what, , code, message]) => [what, code, message]),
    ),
  ]);
  const rest = Object.entries(others).flatMap(([title, rows]) => [
    `## ${title}`,
    table(
      undefined,
      rows.map(({ code, message }) => [code, message]),
    ),
  ]);
  return `${[
    introduction,
    "## Codes",
    table("Code", Object.entries(codes), false),
    "## Every tensor",
    "In the place of every tensor, of an argument or an option; the message has its name.",
    table(
      "What is wrong",
      everyTensor.map(([what, , code, message]) => [what.replace("query: ", ""), code, message]),
    ),
    ...operators,
    ...rest,
  ].join("\n\n")}\n`;
}

/** A table whose last column is a message, and whose column before that is a code. */
function table(first: string | undefined, rows: readonly (readonly string[])[], coded = true): string {
  const head = coded ? [...(first ? [first] : []), "Code", "Message"] : [first!, "What it means"];
  const lines = rows.map((row) =>
    row.map((cell, i) => ((coded ? i >= row.length - 2 : i === 0) ? code(cell) : escaped(cell))),
  );
  const all = [head, head.map(() => "---"), ...unique(lines)];
  return all.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function unique(lines: readonly string[][]): string[][] {
  const known = new Set<string>();
  return lines.filter((line) => !known.has(line.join()) && known.add(line.join()));
}

function code(text: string): string {
  return `\`${escaped(text)}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
