/** A peer's part in a case: of its ways that give the right result, the one that is fastest here. */
import type { Case, Entry } from "../case.ts";
import { findMismatch } from "../check.ts";
import { type Candidate, measureInTurn, type Patience } from "../measure.ts";
import type { Peer, PreparedWay, Way } from "../peers/peer.ts";

/** What became of a way. */
export interface Attempt {
  readonly way: string;
  /** The best of a few runs, where the result was right. */
  readonly milliseconds?: number;
  /** Why there is none. */
  readonly refused?: string;
}

/** A peer in a case: to be timed if it has an entry. */
export interface Participant {
  readonly peer: string;
  readonly threads: number;
  readonly attempts: readonly Attempt[];
  readonly entry?: Entry;
  dispose(): Promise<void>;
}

/** A way that has been run and is right, or why it is out. */
interface Trial {
  readonly way: string;
  readonly refused?: string;
  readonly candidate?: Candidate & PreparedWay;
  /** Milliseconds of the best run so far. */
  best: number;
}

/** The tolerance is the package's own promise. Others promise less, and long sums in another order are not wrong. */
const allowance = 8;
/** Enough to choose by. */
const firstLook: Patience = { rounds: 3, milliseconds: 30, pause: 50 };
/** A way that takes so many times as long as another one is not looked at further. */
const hopeless = 4;

export async function enter(peer: Peer, benchmark: Case, threads: number): Promise<Participant> {
  const { problem, work } = peer.slow ? benchmark.slice : benchmark;
  const trials: Trial[] = [];
  for (const way of peer.waysFor(problem, threads)) trials.push(await tryOut(way, benchmark, work));
  await compare(trials);
  const attempts = trials.map(({ way, refused, best }): Attempt => {
    return refused === undefined ? { way, milliseconds: best } : { way, refused };
  });
  const [fastest, ...others] = trials.filter(({ candidate }) => candidate).sort((a, b) => a.best - b.best);
  for (const { candidate } of others) await candidate?.dispose();
  const candidate = fastest?.candidate;
  const name = threads === 1 ? peer.name : `${peer.name}, ${threads} threads`;
  return {
    peer: peer.name,
    threads,
    attempts,
    ...(candidate && { entry: entryOf(name, candidate, threads, fastest.way, benchmark) }),
    dispose: async () => void (await candidate?.dispose()),
  };
}

async function tryOut({ name, prepare }: Way, { rows }: Case, work: number): Promise<Trial> {
  let prepared: PreparedWay;
  try {
    prepared = await prepare();
    await prepared.run();
  } catch (error) {
    return { way: name, refused: String((error as Error).message ?? error).split("\n")[0], best: Infinity };
  }
  const mismatch = findMismatch(prepared.read(), rows, allowance);
  if (mismatch !== undefined) {
    await prepared.dispose();
    return { way: name, refused: `wrong result: ${mismatch}`, best: Infinity };
  }
  return { way: name, candidate: { name, work, ...prepared }, best: await timeRoughly(prepared) };
}

/** The best of some runs: on a busy machine a single one may take ten times as long as it should. */
async function timeRoughly({ run }: PreparedWay): Promise<number> {
  const begin = performance.now();
  let best = Infinity;
  for (let i = 0; i < 5 && performance.now() - begin < 500; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

async function compare(trials: readonly Trial[]): Promise<void> {
  const quickest = Math.min(...trials.map(({ best }) => best));
  const promising = trials.filter(({ candidate, best }) => candidate && best <= hopeless * quickest);
  if (promising.length < 2) return;
  const timings = await measureInTurn(
    promising.map(({ candidate }) => candidate as Candidate),
    firstLook,
  );
  promising.forEach((trial, i) => {
    trial.best = timings[i].best;
  });
}

function entryOf(
  name: string,
  { run, read, work }: Candidate & PreparedWay,
  threads: number,
  way: string,
  { rows }: Case,
): Entry {
  const check = async () => {
    await run();
    return findMismatch(read(), rows, allowance);
  };
  return { name, group: "peer", threads, way, work, run, check };
}
