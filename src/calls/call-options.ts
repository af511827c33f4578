import type { Engine } from "../engine.ts";

/** Where and how long a call runs. */
export interface CallOptions {
  /** The engine that computes. Default: one that is made on first use. */
  readonly engine?: Engine | undefined;
  /** Stops an asynchronous call between two tiles of work; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
