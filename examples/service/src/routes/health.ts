// GET /health: the process answers. GET /ready: send it requests.
import type { FastifyInstance } from "fastify";
import type { Backend } from "../backend/backend.ts";

export interface Readiness {
  /** Warm, and not shutting down. */
  ready: boolean;
}

export function healthRoutes(app: FastifyInstance, backend: Backend, readiness: Readiness): void {
  const quiet = { logLevel: "warn" } as const;
  app.get("/health", quiet, async () => ({ status: "ok", computes: backend.info().description }));
  app.get("/ready", quiet, async (_, reply) => {
    reply.code(readiness.ready ? 200 : 503);
    return { ready: readiness.ready };
  });
}
