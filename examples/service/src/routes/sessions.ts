// Decoding with a cache of keys and values:
//
//   POST   /sessions             a new session, with a prompt or the tokens of another session to start from
//   POST   /sessions/:id/tokens  appends tokens and streams the attention output of each, a line of JSON a token
//   GET    /sessions/:id         how long it is
//   DELETE /sessions/:id         gives its memory back
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { SessionCache } from "../backend/backend.ts";
import { type Deadline, startDeadline } from "../deadline.ts";
import { answerTo } from "../errors.ts";
import type { Session, Sessions } from "../sessions.ts";
import type { Model, Settings } from "../settings.ts";
import { readTensor, tensorSchema, type WireTensor, writeTensor } from "../tensors.ts";

interface CreateBody {
  readonly from?: string;
  readonly key?: WireTensor;
  readonly value?: WireTensor;
}

interface TokensBody {
  readonly query: WireTensor;
  readonly key: WireTensor;
  readonly value: WireTensor;
}

/** Tokens that are attended to in one call, between two looks at the deadline and at the client's pace. */
const STEP = 4;

export function sessionRoutes(app: FastifyInstance, sessions: Sessions, settings: Settings): void {
  const { model, deadlineMs } = settings;
  const schemas = schemasFor(model);

  app.post<{ Body: CreateBody | null }>("/sessions", { schema: schemas.create }, async (request, reply) => {
    const { from, key, value } = request.body ?? {};
    const prompt = key && value && readPrompt(key, value, model);
    const session = sessions.create(from);
    const deadline = startDeadline(reply, deadlineMs);
    try {
      if (prompt) {
        sessions.checkRoom(session, prompt.count);
        await session.cache.append(prompt.count, prompt.key, prompt.value, deadline.signal);
      }
      sessions.release(session);
    } catch (error) {
      sessions.release(session);
      sessions.delete(session.id);
      throw error;
    } finally {
      deadline.end();
    }
    return reply.code(201).header("location", `/sessions/${session.id}`).send(describe(session));
  });

  app.post<{ Params: { id: string }; Body: TokensBody }>(
    "/sessions/:id/tokens",
    { schema: schemas.tokens },
    async (request, reply) => {
      const { params, body } = request;
      const { count, key, value } = readPrompt(body.key, body.value, model);
      const query = readTensor("query", body.query, [count, model.heads, model.headDim]);
      const session = sessions.use(params.id);
      const deadline = startDeadline(reply, deadlineMs);
      const lines = decode({
        sessions,
        session,
        deadline,
        model,
        count,
        query,
        key,
        value,
        like: body.query,
      });
      // The first step comes before the status is sent, so that what goes wrong there has one.
      const first = await lines.next();
      return reply.type("application/x-ndjson").send(Readable.from(streamed(first.value!, lines, request)));
    },
  );

  app.get<{ Params: { id: string } }>("/sessions/:id", async ({ params }) =>
    describe(sessions.find(params.id)),
  );

  app.delete<{ Params: { id: string } }>("/sessions/:id", async ({ params }, reply) => {
    sessions.delete(params.id);
    return reply.code(204).send();
  });
}

function schemasFor({ heads, kvHeads, headDim, maxTokens }: Model): Record<"create" | "tokens", object> {
  const rows = (heads: number) => tensorSchema(`[tokens, ${heads}, ${headDim}]`, [maxTokens, heads, headDim]);
  const body = (properties: Record<string, object>, more: object) => ({
    body: { type: "object", additionalProperties: false, properties, ...more },
  });
  return {
    create: {
      body: {
        type: ["object", "null"],
        additionalProperties: false,
        properties: { from: { type: "string" }, key: rows(kvHeads), value: rows(kvHeads) },
        dependencies: { key: ["value"], value: ["key"] },
      },
    },
    tokens: body(
      { query: rows(heads), key: rows(kvHeads), value: rows(kvHeads) },
      { required: ["query", "key", "value"] },
    ),
  };
}

function readPrompt(key: WireTensor, value: WireTensor, { kvHeads, headDim }: Model) {
  const count = key.shape[0]!;
  return {
    count,
    key: readTensor("key", key, [undefined, kvHeads, headDim]),
    value: readTensor("value", value, [count, kvHeads, headDim]),
  };
}

function describe({ id, cache }: Session): object {
  return { id, tokens: cache.length, bytes: cache.byteLength };
}

interface Decoding {
  readonly sessions: Sessions;
  readonly session: Session;
  readonly deadline: Deadline;
  readonly model: Model;
  readonly count: number;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  readonly like: WireTensor;
}

/** Appends step by step and yields the lines of each step. However it ends, the session is free again. */
async function* decode(work: Decoding): AsyncGenerator<string, undefined> {
  const { sessions, session, deadline, model, count } = work;
  const rows = (x: Float32Array, from: number, to: number) => {
    const size = x.length / count;
    return x.subarray(from * size, to * size);
  };
  try {
    sessions.checkRoom(session, count);
    for (let from = 0; from < count; from += STEP) {
      const to = Math.min(from + STEP, count);
      const position = session.cache.length;
      const [query, key, value] = [work.query, work.key, work.value].map((x) => rows(x, from, to));
      const output = await attendTo(session.cache, to - from, query!, key!, value!, deadline.signal);
      const size = model.heads * model.headDim;
      let lines = "";
      for (let i = 0; i < to - from; i++) {
        const row = output.subarray(i * size, (i + 1) * size);
        const tensor = writeTensor([model.heads, model.headDim], row, work.like);
        lines += `${JSON.stringify({ position: position + i, output: tensor })}\n`;
      }
      yield lines;
    }
  } finally {
    deadline.end();
    sessions.release(session);
  }
}

/** Tokens are appended and attended to, or neither. */
async function attendTo(
  cache: SessionCache,
  count: number,
  query: Float32Array,
  key: Float32Array,
  value: Float32Array,
  signal: AbortSignal,
): Promise<Float32Array> {
  signal.throwIfAborted();
  const { length } = cache;
  await cache.append(count, key, value, signal);
  try {
    return await cache.attend(count, query, signal);
  } catch (error) {
    cache.truncate(length);
    throw error;
  }
}

/** The lines of all steps. The status is sent by now: what goes wrong from here on is the last line. */
async function* streamed(
  first: string,
  rest: AsyncGenerator<string, undefined>,
  request: FastifyRequest,
): AsyncGenerator<string> {
  try {
    yield first;
    yield* rest;
  } catch (error) {
    const { status, body } = answerTo(error);
    if (status === 500) request.log.error({ err: error }, "unexpected");
    request.failure = body.error.code;
    yield `${JSON.stringify(body)}\n`;
  } finally {
    await rest.return(undefined);
  }
}
