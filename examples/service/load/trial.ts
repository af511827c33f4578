// The trial of one backend: load at capacity, load beyond it with garbage and dying threads, rest, and shutdown.
import { setTimeout as sleep } from "node:timers/promises";
import type { Conversation } from "./conversation.ts";
import { type GarbageOutcome, garbageCases, sendGarbage } from "./garbage.ts";
import type { Answers } from "./inside.ts";
import type { PoolRequest } from "./pool-requests.ts";
import type { ServiceProcess } from "./service-process.ts";
import { decodeTraffic, type Outcome, poolTraffic } from "./traffic.ts";

/** What is asked of every backend. */
export interface Plan {
  readonly pool: readonly PoolRequest[];
  readonly conversation: Conversation;
  /** Seconds of each of the two phases. */
  readonly seconds: number;
  /** Connections of each route, at capacity and beyond. */
  readonly connections: { readonly at: number; readonly beyond: number };
  readonly kills: number;
}

export interface Phase {
  readonly name: string;
  readonly pool: Outcome;
  readonly decode: Outcome;
  readonly delay: Answers["delay"];
}

export interface Trial {
  readonly backend: string;
  readonly computes: string;
  readonly threads: number;
  /** Delays of the event loop with nothing to do: what the machine itself adds. */
  readonly idle: Answers["delay"];
  readonly phases: readonly Phase[];
  readonly garbage: readonly GarbageOutcome[];
  readonly threadsKilled: number;
  readonly memory: {
    /** Resident bytes of the process, after a garbage collection: warm, and after everything. */
    readonly rssBefore: number;
    readonly rssAfter: number;
    /** Linear memory after everything: in use, of sessions, and what the process has grown it to. */
    readonly used: number;
    readonly sessions: number;
    readonly reserved: number;
    readonly liveSessions: number;
  };
  readonly shutdown: { readonly exitCode: number | null; readonly answered: boolean };
}

const json = { "content-type": "application/json" };

/** How long the event loop is watched before there is any load. */
const IDLE_MS = 1000;

export async function tryBackend(backend: string, service: ServiceProcess, plan: Plan): Promise<Trial> {
  const { url } = service;
  const { computes } = (await (await fetch(`${url}/health`)).json()) as { computes: string };
  const prompt = await openPrompt(url, plan.conversation);
  const load = (connections: number, seconds: number) =>
    Promise.all([
      poolTraffic(url, plan.pool, connections, seconds),
      decodeTraffic(url, plan.conversation, prompt, connections, seconds),
    ]);
  const phase = async (name: string, connections: number): Promise<Phase> => {
    await service.ask("delay");
    const [pool, decode] = await load(connections, plan.seconds);
    return { name, pool, decode, delay: await service.ask("delay") };
  };

  await load(plan.connections.at, Math.min(2, plan.seconds));
  await untilIdle(service);
  const { rss: rssBefore } = await service.ask("memory");
  await service.ask("delay");
  await sleep(IDLE_MS);
  const idle = await service.ask("delay");
  const at = await phase("at capacity", plan.connections.at);

  const stop = new AbortController();
  const cases = garbageCases(url, plan.pool[0]!, plan.conversation, prompt);
  const garbage = sendGarbage(cases, stop.signal);
  const killing = killThreads(service, plan.kills, plan.seconds);
  const beyond = await phase("beyond capacity", plan.connections.beyond);
  stop.abort();
  const [garbageOutcomes, threadsKilled] = await Promise.all([garbage, killing]);

  await untilIdle(service);
  const { rss: rssAfter } = await service.ask("memory");
  const metrics = await service.metrics();
  return {
    backend,
    computes,
    threads: metrics.attention_threads!,
    idle,
    phases: [at, beyond],
    garbage: garbageOutcomes,
    threadsKilled,
    memory: {
      rssBefore,
      rssAfter,
      used: metrics.attention_memory_used_bytes!,
      sessions: metrics.sessions_bytes!,
      reserved: metrics.attention_memory_reserved_bytes!,
      liveSessions: metrics.sessions!,
    },
    shutdown: await shutDown(service, plan.conversation, prompt),
  };
}

/** A session with the prompt, which all conversations are forked off. It grows part by part: each is a fork of the last. */
async function openPrompt(url: string, { prompt }: Conversation): Promise<string> {
  let from: string | undefined;
  for (const part of prompt) {
    const body = JSON.stringify({ from, ...part });
    const created = await fetch(`${url}/sessions`, { method: "POST", headers: json, body });
    const answer = await created.json();
    if (!created.ok) throw new Error(`the prompt was refused: ${created.status} ${JSON.stringify(answer)}`);
    if (from !== undefined) await fetch(`${url}/sessions/${from}`, { method: "DELETE" });
    from = (answer as { id: string }).id;
  }
  return from!;
}

/** Kills a worker thread now and then. How many it were: the JavaScript backend has none. */
async function killThreads(service: ServiceProcess, times: number, seconds: number): Promise<number> {
  let killed = 0;
  for (let i = 0; i < times; i++) {
    await sleep((1000 * seconds) / (times + 1));
    if ((await service.ask("kill")) > 0) killed++;
  }
  return killed;
}

async function untilIdle(service: ServiceProcess): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await sleep(100);
    if ((await service.metrics()).attention_calls_running === 0) return;
  }
}

/** Asks the service to end while it streams an answer: that one comes in full. */
async function shutDown(
  service: ServiceProcess,
  { turns }: Conversation,
  prompt: string,
): Promise<Trial["shutdown"]> {
  const { body, tokens } = turns[0]!;
  // Resolves with the head of the answer, which comes with its first lines.
  const response = await fetch(`${service.url}/sessions/${prompt}/tokens`, {
    method: "POST",
    headers: json,
    body,
  });
  const exitCode = service.stop();
  const lines = (await response.text()).trimEnd().split("\n");
  return { exitCode: await exitCode, answered: response.status === 200 && lines.length === tokens };
}
