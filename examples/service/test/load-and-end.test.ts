/** Overload, deadlines, clients that leave, and the end of the service. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AttentionError, type AttentionErrorCode } from "wasm-attention";
import { random } from "../load/numbers.ts";
import { answerTo } from "../src/errors.ts";
import { startService, type TestService } from "./service.ts";

/** A call of some tens of milliseconds on one thread. */
const long = {
  query: random([64, 256], 1).wire,
  candidates: random([2000, 256], 2).wire,
};

async function untilIdle(service: TestService): Promise<void> {
  for (let i = 0; i < 100 && (await service.metric("attention_calls_running")) > 0; i++) await sleep(10);
  expect(await service.metric("attention_calls_running")).toBe(0);
  expect(await service.metric("attention_memory_used_bytes")).toBe(0);
}

async function listen({ app }: TestService): Promise<string> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

function send(url: string, body: object): http.ClientRequest {
  const request = http.request(url, { method: "POST", headers: { "content-type": "application/json" } });
  request.on("error", () => {});
  return request.end(JSON.stringify(body));
}

test("requests beyond the queue are refused, and may come again", async () => {
  const service = await startService({ queueLimit: 0 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => service.post("/pool", long)));
  const refused = answers.filter(({ statusCode }) => statusCode === 503);
  expect(refused).toHaveLength(8);
  for (const { headers, body } of refused) {
    expect(headers["retry-after"]).toBe("1");
    expect(body).toContain("ERR_OVERLOAD");
  }
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(32);
  expect((await service.post("/pool", long)).statusCode).toBe(200);
});

test("a request that takes too long is stopped", async () => {
  const service = await startService({ deadlineMs: 1 });
  const answer = await service.post("/pool", long);
  expect(answer.statusCode).toBe(504);
  expect(answer.json()).toEqual({ error: { code: "ERR_DEADLINE", message: "not done within 1 ms" } });
  await untilIdle(service);
});

test("the work of a client that leaves is stopped", async () => {
  const service = await startService();
  const url = await listen(service);
  const requests = Array.from({ length: 10 }, () => send(`${url}/pool`, long));
  while ((await service.metric("attention_calls_running")) === 0) await sleep(1);
  for (const request of requests) request.destroy();
  await untilIdle(service);
  expect(await service.metric("http_requests_aborted_total")).toBeGreaterThan(0);
});

test("the service ends when what it works on has been answered", async () => {
  const service = await startService();
  const url = await listen(service);
  const answer = once(send(`${url}/pool`, long), "response");
  while ((await service.metric("attention_calls_running")) === 0) await sleep(1);
  await service.app.close();
  const [response] = await answer;
  expect(response.statusCode).toBe(200);
  expect(JSON.parse((await response.toArray()).join(""))).toMatchObject({ pooled: { shape: [64, 256] } });
  const problem = { L: 1, S: 1, E: 1, V: 1, similarity: "dot", scale: 1 } as const;
  const x = Float32Array.of(1);
  await expect(
    service.backend.pool({ ...problem, query: x, candidates: x, values: x }, new AbortController().signal),
  ).rejects.toMatchObject({ code: "ERR_DISPOSED" });
});

describe("errors", () => {
  test.each<[AttentionErrorCode, number]>([
    ["ERR_SHAPE", 400],
    ["ERR_DTYPE", 400],
    ["ERR_OPTION", 400],
    ["ERR_QUEUE_FULL", 503],
    ["ERR_MEMORY", 503],
    ["ERR_DISPOSED", 503],
    ["ERR_WORKER", 500],
    ["ERR_FILE", 500],
    ["ERR_UNSUPPORTED", 500],
  ])("%s is %i", (code, status) => {
    expect(answerTo(new AttentionError(code, "message"))).toMatchObject({
      status,
      body: { error: { code } },
    });
  });

  test("what nobody expected stays in the log", () => {
    const { status, body } = answerTo(new Error("a secret"));
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret");
  });
});
