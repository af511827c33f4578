/** What a command gives and is given: printing, colours, JSON and exit codes are the same for all. */
import type { Progress } from "./terminal/progress.ts";
import type { Page } from "./terminal/table.ts";

/** Where a command runs. */
export interface Session {
  /** What it prints on. */
  readonly page: Page;
  /** Whether JSON is wanted: nothing is cut to the width of a page then. */
  readonly json: boolean;
  readonly progress: Progress;
  /** Says something on stderr that is not the result. */
  note(text: string): void;
}

/** What a command found out or did. */
export interface Outcome {
  /** What --json prints, after the command's name and the versions. */
  readonly facts: object;
  /** The same for people, without the last line's end. */
  readonly lines: readonly string[];
}

/** What runs a command, once it is asked for: options as the grammar has read them. */
export type Execute<V> = (values: V, positionals: readonly string[], session: Session) => Promise<Outcome>;
