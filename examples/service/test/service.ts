// A service for a test: small sizes, no log, and nothing of it left when the test has ended.
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { afterEach } from "vitest";
import { buildService } from "../src/app.ts";
import { type Backend, createBackend } from "../src/backend/backend.ts";
import { readSettings, type Settings } from "../src/settings.ts";

export const model = { heads: 4, kvHeads: 2, headDim: 8, maxTokens: 200 };

export const backends = ["wasm", "javascript"] as const;

const open: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

export interface TestService {
  readonly app: FastifyInstance;
  readonly backend: Backend;
  post(url: string, body?: object): Promise<LightMyRequestResponse>;
  metric(name: string): Promise<number>;
}

export async function startService(overrides: Partial<Settings> = {}): Promise<TestService> {
  const settings = { ...readSettings({}), threads: 1, logLevel: "silent", model, ...overrides };
  const backend = await createBackend(settings);
  const { app } = buildService(settings, backend);
  open.push(app);
  return {
    app,
    backend,
    post: (url, body) => app.inject({ method: "POST", url, ...(body && { payload: body }) }),
    async metric(name) {
      const { body } = await app.inject("/metrics");
      const line = body
        .split("\n")
        .find((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      return Number(line?.split(" ").at(-1));
    },
  };
}
