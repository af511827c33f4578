// Requests of one route over some connections for some seconds, and what became of them.
import { createHistogram } from "node:perf_hooks";
import autocannon from "autocannon";
import type { Conversation } from "./conversation.ts";
import type { PoolRequest } from "./pool-requests.ts";

/** What became of the requests of one route. */
export interface Outcome {
  readonly connections: number;
  readonly seconds: number;
  readonly sent: number;
  readonly answered: number;
  /** Requests without an answer, other than those in flight at the end. */
  readonly lost: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds to the end of an answer that is none of an error. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Answers compared with float64, and how many of them were wrong. */
  readonly checked: number;
  readonly wrong: number;
}

/** Each so many answers are compared; that takes time which the load would otherwise have. */
const CHECK_EVERY = 5;

/** Counts answers, and compares some. */
class Checker {
  checked = 0;
  wrong = 0;
  #seen = 0;

  see(status: number, body: string, isRight: (body: string) => boolean): void {
    if (status !== 200 || this.#seen++ % CHECK_EVERY !== 0) return;
    this.checked++;
    if (!isRightJson(body, isRight)) this.wrong++;
  }
}

/** An answer that breaks off is no JSON, and wrong. */
function isRightJson(body: string, isRight: (body: string) => boolean): boolean {
  try {
    return isRight(body);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

const json = { "content-type": "application/json" };

export function poolTraffic(
  url: string,
  requests: readonly PoolRequest[],
  connections: number,
  seconds: number,
) {
  const checker = new Checker();
  const sent = requests.map(
    ({ body, isRight }): autocannon.Request => ({
      method: "POST",
      path: "/pool",
      headers: json,
      body,
      onResponse: (status, answer) => checker.see(status, answer, isRight),
    }),
  );
  return run({ url, connections, duration: seconds, requests: sent }, checker);
}

/** Forks a session off the prompt, talks, and deletes it, over and over. */
export function decodeTraffic(
  url: string,
  { turns }: Conversation,
  prompt: string,
  connections: number,
  seconds: number,
) {
  const checker = new Checker();
  const requests: autocannon.Request[] = [
    {
      method: "POST",
      path: "/sessions",
      headers: json,
      body: JSON.stringify({ from: prompt }),
      onResponse(status, body, context: Talk) {
        if (status === 201) context.id = (JSON.parse(body) as { id: string }).id;
      },
    },
    ...turns.map(
      ({ body, isRight }): autocannon.Request => ({
        method: "POST",
        headers: json,
        body,
        setupRequest: (request, context: Talk) =>
          context.over ? hangUp(request, context) : inSession(request, context, "/tokens"),
        onResponse(status, answer, context: Talk) {
          // After a refusal the conversation is another one than was computed beforehand: it is given up.
          context.over = status !== 200;
          checker.see(status, answer, isRight);
        },
      }),
    ),
    { method: "DELETE", setupRequest: hangUp },
  ];
  return run({ url, connections, duration: seconds, requests }, checker);
}

/** What a connection knows of its conversation. */
interface Talk {
  id?: string | undefined;
  over?: boolean;
}

/** Where there is no session, there is no request: autocannon then begins anew. */
function inSession(request: autocannon.Request, { id }: Talk, path: string): autocannon.Request {
  return id === undefined ? (undefined as never) : { ...request, path: `/sessions/${id}${path}` };
}

function hangUp({ body, ...request }: autocannon.Request, context: Talk): autocannon.Request {
  const deletion = inSession({ ...request, method: "DELETE", headers: {} }, context, "");
  context.id = undefined;
  return deletion;
}

async function run(
  options: autocannon.Options & { connections: number },
  checker: Checker,
): Promise<Outcome> {
  const microseconds = createHistogram();
  const statuses: Record<string, number> = {};
  const { requests, duration, errors } = await new Promise<autocannon.Result>((resolve, reject) => {
    const done = (error: unknown, result: autocannon.Result) => (error ? reject(error) : resolve(result));
    const instance = autocannon({ timeout: 30, ...options }, done);
    instance.on("response", (_, status, __, milliseconds) => {
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status < 300) microseconds.record(Math.max(1, Math.round(1000 * milliseconds)));
    });
  });
  const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const milliseconds = (percentile: number) => microseconds.percentile(percentile) / 1000;
  return {
    connections: options.connections,
    seconds: duration,
    sent: requests.sent,
    answered,
    lost: Math.max(errors, requests.sent - answered - options.connections),
    statuses,
    latency: { p50: milliseconds(50), p99: milliseconds(99), max: microseconds.max / 1000 },
    checked: checker.checked,
    wrong: checker.wrong,
  };
}
