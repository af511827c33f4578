/** Sessions: decoding, forks, and every limit. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { makeConversation } from "../load/conversation.ts";
import { random } from "../load/numbers.ts";
import { Sessions } from "../src/sessions.ts";
import { readSettings } from "../src/settings.ts";
import { backends, model, startService, type TestService } from "./service.ts";

const conversation = makeConversation(model, 100, [1, 9, 1], 5);

async function create({ post }: TestService, body?: object): Promise<string> {
  const response = await post("/sessions", body);
  expect(response.statusCode, response.body).toBe(201);
  const { id } = response.json<{ id: string }>();
  expect(response.headers.location).toBe(`/sessions/${id}`);
  return id;
}

function say({ app }: TestService, id: string, turn: { readonly body: string }) {
  const headers = { "content-type": "application/json" };
  return app.inject({ method: "POST", url: `/sessions/${id}/tokens`, headers, payload: turn.body });
}

const prompt = (tokens: number) => ({
  key: random([tokens, model.kvHeads, model.headDim], 1).wire,
  value: random([tokens, model.kvHeads, model.headDim], 2).wire,
});

describe.each(backends)("%s", (backend) => {
  test("decodes as the reference does, and gives all memory back", async () => {
    const service = await startService({ backend });
    const id = await create(service, conversation.prompt[0]);
    for (const turn of conversation.turns) {
      const response = await say(service, id, turn);
      expect(response.headers["content-type"]).toBe("application/x-ndjson");
      expect(turn.isRight(response.body)).toBe(true);
    }
    expect((await service.app.inject(`/sessions/${id}`)).json()).toMatchObject({ id, tokens: 111 });
    expect((await service.app.inject({ method: "DELETE", url: `/sessions/${id}` })).statusCode).toBe(204);
    expect((await service.app.inject(`/sessions/${id}`)).statusCode).toBe(404);
    expect(await service.metric("sessions_bytes")).toBe(0);
    expect(await service.metric("attention_memory_used_bytes")).toBe(0);
  });

  test("forks go their own ways", async () => {
    const service = await startService({ backend });
    const root = await create(service, conversation.prompt[0]);
    const forks = [await create(service, { from: root }), await create(service, { from: root })];
    await service.app.inject({ method: "DELETE", url: `/sessions/${root}` });
    for (const turn of conversation.turns)
      for (const id of forks) expect(turn.isRight((await say(service, id, turn)).body)).toBe(true);
  });
});

test("forks share what they have in common", async () => {
  const service = await startService();
  const root = await create(service, conversation.prompt[0]);
  const alone = await service.metric("sessions_bytes");
  const fork = await create(service, { from: root });
  expect(await service.metric("sessions_bytes")).toBe(alone);
  await say(service, fork, conversation.turns[0]!);
  expect(await service.metric("sessions_bytes")).toBeLessThan(2 * alone);
  expect(await service.metric("sessions_bytes")).toBe(await service.metric("attention_memory_used_bytes"));
});

test("a session serves one request at a time", async () => {
  const service = await startService();
  const id = await create(service, conversation.prompt[0]);
  const [first, second] = await Promise.all([1, 2].map(() => say(service, id, conversation.turns[0]!)));
  expect([first!.statusCode, second!.statusCode].sort()).toEqual([200, 409]);
});

test("a session that is deleted while it is used lasts until the request ends", async () => {
  const { backend } = await startService();
  const sessions = new Sessions(backend, { ...readSettings({}), model });
  const session = sessions.create();
  const tokens = new Float32Array(model.kvHeads * model.headDim);
  await session.cache.append(1, tokens, tokens, new AbortController().signal);
  sessions.delete(session.id);
  expect(() => sessions.find(session.id)).toThrow("there is no session");
  expect(session.cache.length).toBe(1);
  sessions.release(session);
  expect(backend.info().memory.used).toBe(0);
  sessions.close();
});

test("sessions end when nobody uses them", async () => {
  const service = await startService({ sessionIdleMs: 100 });
  await create(service, prompt(10));
  for (let i = 0; i < 100 && (await service.metric("sessions")) > 0; i++) await sleep(20);
  expect(await service.metric("sessions")).toBe(0);
  expect(await service.metric("sessions_expired_total")).toBe(1);
  expect(await service.metric("attention_memory_used_bytes")).toBe(0);
});

test("their number has a limit", async () => {
  const service = await startService({ maxSessions: 1 });
  await create(service);
  const refused = await service.post("/sessions");
  expect(refused.statusCode).toBe(503);
  expect(refused.headers["retry-after"]).toBe("1");
  expect(refused.json()).toMatchObject({ error: { code: "ERR_SESSIONS" } });
});

test("their memory has a limit", async () => {
  const service = await startService({ sessionMemoryBytes: 2 ** 14 });
  const refused = await service.post("/sessions", prompt(150));
  expect(refused.statusCode).toBe(507);
  expect(refused.json()).toMatchObject({ error: { code: "ERR_SESSION_MEMORY" } });
  expect(await service.metric("sessions")).toBe(0);
  await create(service, prompt(10));
});

test("their length has a limit", async () => {
  const service = await startService();
  const id = await create(service, prompt(model.maxTokens - 5));
  const refused = await say(service, id, conversation.turns[1]!);
  expect(refused.statusCode).toBe(413);
  expect((await service.app.inject(`/sessions/${id}`)).json()).toMatchObject({ tokens: model.maxTokens - 5 });
});

test("what the engine has no memory for leaves no session behind", async () => {
  const service = await startService({ memoryBytes: 2 ** 14, sessionMemoryBytes: 2 ** 20 });
  const refused = await service.post("/sessions", prompt(150));
  expect(refused.statusCode).toBe(503);
  expect(refused.json()).toMatchObject({ error: { code: "ERR_MEMORY" } });
  expect(await service.metric("sessions")).toBe(0);
  expect(await service.metric("attention_memory_used_bytes")).toBe(0);
});

test.each([
  ["tokens of no session", "/sessions/none/tokens", JSON.parse(conversation.turns[0]!.body), 404],
  ["a fork of no session", "/sessions", { from: "none" }, 404],
  ["a key without a value", "/sessions", { key: prompt(2).key }, 400],
  ["fewer values than keys", "/sessions", { key: prompt(2).key, value: prompt(1).value }, 400],
  ["other heads", "/sessions", { key: random([2, 3, 8], 1).wire, value: random([2, 3, 8], 1).wire }, 400],
])("refuses %s", async (_, url, body, status) => {
  const service = await startService();
  expect((await service.post(url, body)).statusCode).toBe(status);
  expect(await service.metric("sessions")).toBe(0);
});
