/** From timings to the figures of the comparison. */
import type { Case } from "../case.ts";
import { type CaseFigures, type EntryFigures, summarizeCase } from "../figures.ts";
import type { Timing } from "../measure.ts";
import type { Attempt, Participant } from "./peer-entry.ts";

export interface ComparedEntry extends EntryFigures {
  /** How many times the speed of this entry the package has on as many threads (with a float32 cache, where there is one). */
  readonly packageTimes: number | null;
}

/** A peer's ways: the one that was timed, and what became of each. */
export interface PeerWays {
  readonly peer: string;
  readonly threads: number;
  readonly attempts: readonly Attempt[];
}

export interface ComparedCase extends Omit<CaseFigures, "entries" | "peaks"> {
  readonly entries: readonly ComparedEntry[];
  readonly ways: readonly PeerWays[];
}

/** `timings` in the order of the case's entries, those of the participants after them. */
export function summarizeComparison(
  benchmark: Case,
  participants: readonly Participant[],
  timings: readonly Timing[],
): ComparedCase {
  const { peaks: _, entries, ...figures } = summarizeCase(benchmark, timings, {});
  const packageBest = (threads: number) =>
    entries.find(
      ({ group, threads: own, cache = "float32" }) =>
        group === "ours" && own === threads && cache === "float32",
    )?.giga.best;
  return {
    ...figures,
    entries: entries.map((entry) => {
      const ours = packageBest(entry.threads);
      return {
        ...entry,
        packageTimes: entry.group === "ours" || ours === undefined ? null : ours / entry.giga.best,
      };
    }),
    ways: participants
      .filter(({ attempts }) => attempts.length > 0)
      .map(({ peer, threads, attempts }) => ({ peer, threads, attempts })),
  };
}
