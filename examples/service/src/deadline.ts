// A request's time: it ends when the client goes away or the deadline passes, and its work with it.
import type { FastifyReply } from "fastify";
import { disconnected, tooLate } from "./errors.ts";

export interface Deadline {
  /** Aborts with the error that the request ends with. */
  readonly signal: AbortSignal;
  /** To be called when the work is done, well or not. */
  end(): void;
}

/**
 * Starts a request's time. Fastify has a signal and a timeout of its own (`request.signal`, `handlerTimeout`), but up to
 * 5.12 both end as soon as a body has been read. `AbortSignal.timeout` would do; its timers cannot be taken back, and
 * thousands of them would lie around for the time of a deadline.
 */
export function startDeadline(reply: FastifyReply, milliseconds: number): Deadline {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(tooLate(milliseconds)), milliseconds);
  const onClose = (): void => stop.abort(disconnected());
  reply.raw.once("close", onClose);
  return {
    signal: stop.signal,
    end() {
      clearTimeout(timer);
      reply.raw.off("close", onClose);
    },
  };
}
