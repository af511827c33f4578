/** The commands there are. What runs one is loaded when it is called: `--help` should not wait for kernels. */
import { benchGrammar } from "./bench/options.ts";
import type { Execute } from "./command.ts";
import { exploreGrammar } from "./explore/options.ts";
import type { Grammar } from "./grammar/option.ts";
import { infoGrammar } from "./info/options.ts";
import { layerGrammar } from "./layer/options.ts";
import { runGrammar } from "./run/options.ts";

export interface Command {
  readonly grammar: Grammar;
  // The values are those of this grammar: each pair stands in one line below.
  readonly load: () => Promise<Execute<never>>;
}

export const commands: readonly Command[] = [
  { grammar: exploreGrammar, load: async () => (await import("./explore/command.ts")).exploreCommand },
  { grammar: runGrammar, load: async () => (await import("./run/command.ts")).runCommand },
  { grammar: layerGrammar, load: async () => (await import("./layer/command.ts")).layerCommand },
  { grammar: benchGrammar, load: async () => (await import("./bench/command.ts")).benchCommand },
  { grammar: infoGrammar, load: async () => (await import("./info/command.ts")).infoCommand },
];
