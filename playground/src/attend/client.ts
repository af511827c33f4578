import type { Settings } from "../settings/settings.ts";
import type { Failure, KeptHeads, Reply, Request, Result } from "./messages.ts";

/** What the page does with what comes back; only what belongs to the last request comes. */
export interface Listener {
  result(result: Result): void;
  picture(html: string): void;
  failure(failure: Failure): void;
}

/** The worker that computes, as the page sees it. */
export class Attention {
  readonly #worker: Worker;
  readonly #listener: Listener;
  #id = 0;
  #numbers: ((json: string) => void) | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "attention" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#hear(data));
    this.#worker.addEventListener("error", (event) => {
      const message = event.message || "the worker that computes cannot be loaded";
      listener.failure({ message, code: undefined });
    });
  }

  /** Computes; what was asked for before is given up. */
  compute(settings: Settings, kept: KeptHeads): void {
    this.#ask({ kind: "compute", id: ++this.#id, settings, kept });
  }

  /** What was asked for is no longer wanted. */
  giveUp(): void {
    this.#id++;
  }

  /** All numbers of the last result, as JSON. */
  numbers(): Promise<string> {
    return new Promise((resolve) => {
      this.#numbers = resolve;
      this.#ask({ kind: "numbers" });
    });
  }

  #ask(request: Request): void {
    this.#worker.postMessage(request);
  }

  #hear(reply: Reply): void {
    if (reply.kind === "numbers") this.#numbers?.(reply.json);
    else if (reply.id !== this.#id) return;
    else if (reply.kind === "result") this.#listener.result(reply);
    else if (reply.kind === "picture") this.#listener.picture(reply.html);
    else this.#listener.failure(reply.failure);
  }
}
