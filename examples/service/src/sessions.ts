// The sessions: keys and values of conversations, kept until they are deleted or nobody has asked for a while.
import { randomUUID } from "node:crypto";
import type { Backend, SessionCache } from "./backend/backend.ts";
import { ServiceError } from "./errors.ts";
import type { Settings } from "./settings.ts";

export interface Session {
  readonly id: string;
  readonly cache: SessionCache;
  /** A request works on it. */
  busy: boolean;
  /** Deleted while busy: what it holds is given back when that request ends. */
  deleted: boolean;
  lastUsed: number;
}

type Limits = Pick<Settings, "maxSessions" | "sessionIdleMs" | "sessionMemoryBytes" | "model">;

export class Sessions {
  readonly #backend: Backend;
  readonly #limits: Limits;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #sweeper: NodeJS.Timeout;
  #expired = 0;

  constructor(backend: Backend, limits: Limits) {
    this.#backend = backend;
    this.#limits = limits;
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(1000, limits.sessionIdleMs)).unref();
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** How many have been idle for too long. */
  get expired(): number {
    return this.#expired;
  }

  /** Bytes of all together; pages that forks share count once. */
  get bytes(): number {
    return [...this.#sessions.values()].reduce((sum, { cache }) => sum + cache.byteLength, 0);
  }

  /**
   * A new session, empty or with the tokens of another, in use until `release`. Forks share what they have in common.
   *
   * @throws ServiceError 503 for one more than there may be; 404, 409 where the other is not there or in use
   */
  create(from?: string): Session {
    if (this.count >= this.#limits.maxSessions)
      throw new ServiceError(
        503,
        "ERR_SESSIONS",
        `there are ${this.count} sessions, as many as there may be`,
      );
    const cache = from === undefined ? this.#backend.createCache() : this.#idle(from).cache.fork();
    const session = { id: randomUUID(), cache, busy: true, deleted: false, lastUsed: Date.now() };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** @throws ServiceError 404 for no such session, 409 for one that another request uses */
  use(id: string): Session {
    const session = this.#idle(id);
    session.busy = true;
    return session;
  }

  release(session: Session): void {
    session.busy = false;
    session.lastUsed = Date.now();
    if (session.deleted) session.cache.dispose();
  }

  find(id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new ServiceError(404, "ERR_NO_SESSION", `there is no session "${id}"`);
    return session;
  }

  delete(id: string): void {
    const session = this.find(id);
    this.#sessions.delete(id);
    session.deleted = true;
    if (!session.busy) session.cache.dispose();
  }

  /** @throws ServiceError 413 beyond a session's length, 507 while sessions take as much memory as they may */
  checkRoom({ cache }: Session, tokens: number): void {
    const { maxTokens } = this.#limits.model;
    if (cache.length + tokens > maxTokens)
      throw new ServiceError(
        413,
        "ERR_SESSION_LENGTH",
        `the session has ${cache.length} tokens, ${tokens} more are beyond the ${maxTokens} that it may have`,
      );
    const { used } = this.#backend.info().memory;
    if (used + tokens * bytesOfToken(this.#limits) > this.#limits.sessionMemoryBytes)
      throw new ServiceError(
        507,
        "ERR_SESSION_MEMORY",
        `${used} bytes are in use, ${this.#limits.sessionMemoryBytes} is where sessions may not grow any more`,
      );
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const id of [...this.#sessions.keys()]) this.delete(id);
  }

  #idle(id: string): Session {
    const session = this.find(id);
    if (session.busy) throw new ServiceError(409, "ERR_SESSION_BUSY", "another request uses this session");
    session.lastUsed = Date.now();
    return session;
  }

  #sweep(): void {
    const oldest = Date.now() - this.#limits.sessionIdleMs;
    for (const { id, busy, lastUsed } of [...this.#sessions.values()]) {
      if (busy || lastUsed > oldest) continue;
      this.delete(id);
      this.#expired++;
    }
  }
}

/** Keys and values of one token in float32. */
function bytesOfToken({ model: { kvHeads, headDim } }: Limits): number {
  return 2 * kvHeads * headDim * 4;
}
