// How many requests may be under way at once. One more is refused before its body is read: that costs little, and what
// bodies may take together has a limit.
import type { FastifyInstance } from "fastify";
import { ServiceError } from "./errors.ts";

/** Calls that share the engine's threads; further ones wait in its queue. */
const CALLS_AT_ONCE = 32;

/** Lets one request in for each call that may run or wait. */
export function limitRequests(app: FastifyInstance, queueLimit: number): void {
  const most = CALLS_AT_ONCE + queueLimit;
  let underWay = 0;
  app.addHook("onRequest", async ({ method }, reply) => {
    // Probes and metrics are wanted most when there is no room, and deletions make some.
    if (method !== "POST") return;
    if (underWay >= most)
      throw new ServiceError(
        503,
        "ERR_OVERLOAD",
        `${underWay} requests are under way, as many as there may be`,
      );
    underWay++;
    // "close" comes once, after the answer or instead of it.
    reply.raw.once("close", () => underWay--);
  });
}
