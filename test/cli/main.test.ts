// What all commands have in common, with the command as it is installed.
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { helpOf, overview } from "../../src/cli/grammar/help.ts";
import { main, run } from "../support/command.ts";

const grammars = commands.map(({ grammar }) => grammar);

test.each([[], ["--help"], ["-h"], ["help"]])("%j prints the overview", async (...args: string[]) => {
  expect(await run(args)).toEqual({ code: 0, stdout: overview(grammars), stderr: "" });
});

test.each(grammars.map((grammar) => [grammar.name, grammar] as const))(
  "%s has a help",
  async (name, grammar) => {
    const expected = { code: 0, stdout: helpOf(grammar), stderr: "" };
    expect(await run([name, "--nonsense", "--help"])).toEqual(expected);
    expect(await run(["help", name])).toEqual(expected);
  },
);

test.each(["--version", "-v"])("%s", async (flag) => {
  expect(await run([flag])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: "",
  });
});

test.each([
  [
    ["explain"],
    'expected a command, got "explain"; the commands are explore, run, layer, bench, info (wasm-attention --help)',
  ],
  [["exlore"], 'expected a command, got "exlore"; did you mean explore? (wasm-attention --help)'],
  [
    ["--causal"],
    'expected a command first, got "--causal"; the commands are explore, run, layer, bench, info (wasm-attention --help)',
  ],
  [["info", "--jsn"], "unknown option --jsn; did you mean --json? (wasm-attention info --help)"],
])("%j is called wrongly", async (args, message) => {
  expect(await run(args)).toEqual({ code: 2, stdout: "", stderr: `wasm-attention: ${message}\n` });
});

test("colours: none in a pipe, unless they are forced", async () => {
  const bold = "\u001b[1m";
  const outcome = async (env: NodeJS.ProcessEnv, ...args: string[]) =>
    (await run(["info", ...args], "", { env })).stdout;
  expect(await outcome({ NO_COLOR: undefined })).not.toContain(bold);
  expect(await outcome({ FORCE_COLOR: "1" })).toContain(bold);
  expect(await outcome({ FORCE_COLOR: "1" }, "--no-color")).not.toContain(bold);
  expect(await outcome({ FORCE_COLOR: "0" })).not.toContain(bold);
  expect((await run(["run", "--help"], "", { env: { FORCE_COLOR: "1" } })).stdout).toContain(`${bold}Usage`);
});

test.each([["explore", "the dog", "--json"], ["info"], ["run", "--help"]])(
  "%s takes a reader that leaves early for no error",
  async (...args: string[]) => {
    const child = spawn(process.execPath, [main, ...args]);
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  },
);
