// What a service on a network gets beside its requests, and what it should answer.
import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Conversation } from "./conversation.ts";
import type { PoolRequest } from "./pool-requests.ts";

interface Case {
  readonly name: string;
  /** The status that is right; none for clients that do not wait for one. */
  readonly expected: number | undefined;
  send(): Promise<number | undefined>;
}

export interface GarbageOutcome {
  readonly name: string;
  readonly expected: number | undefined;
  readonly sent: number;
  /** Answers that were another one, by status ("none" for a closed connection). */
  readonly others: Readonly<Record<string, number>>;
}

/** Time between two of a kind. */
const PAUSE_MS = 100;

/** Sends all kinds side by side, over and over until it is told to stop. */
export function sendGarbage(cases: readonly Case[], stop: AbortSignal): Promise<GarbageOutcome[]> {
  return Promise.all(cases.map((one) => repeat(one, stop)));
}

async function repeat({ name, expected, send }: Case, stop: AbortSignal): Promise<GarbageOutcome> {
  const others: Record<string, number> = {};
  let sent = 0;
  for (; !stop.aborted; sent++) {
    const status = (await send()) ?? "none";
    // What is refused for overload is not looked at.
    if (status !== (expected ?? "none") && status !== 503) others[status] = (others[status] ?? 0) + 1;
    await sleep(PAUSE_MS);
  }
  return { name, expected, sent, others };
}

export function garbageCases(
  url: string,
  pool: PoolRequest,
  { turns }: Conversation,
  prompt: string,
): Case[] {
  const { hostname, port } = new URL(url);
  const refused = (name: string, expected: number, path: string, body: string, headers = json): Case => ({
    name,
    expected,
    send: () => post(`${url}${path}`, body, headers),
  });
  const poolBody = (query: object, more: object = {}) =>
    JSON.stringify({ query, candidates: { shape: [1, 1], data: [1] }, ...more });
  const nan = { shape: [1, 1], data: Buffer.from(Float32Array.of(Number.NaN).buffer).toString("base64") };
  return [
    refused("JSON that breaks off", 400, "/pool", pool.body.slice(0, -1000)),
    refused("another content type", 415, "/pool", pool.body, { "content-type": "text/plain" }),
    refused("a missing field", 400, "/pool", "{}"),
    refused("an unknown field", 400, "/pool", poolBody({ shape: [1, 1], data: [1] }, { candidate: 1 })),
    refused("a negative size", 400, "/pool", poolBody({ shape: [-1, 1], data: [1] })),
    refused("an enormous size", 400, "/pool", poolBody({ shape: [1e9, 1e9], data: [1] })),
    refused("fewer numbers than the shape says", 400, "/pool", poolBody({ shape: [64, 4096], data: "AAAA" })),
    refused("shapes that do not fit", 400, "/pool", poolBody({ shape: [1, 2], data: [1, 2] })),
    refused("NaN", 400, "/pool", poolBody(nan)),
    refused("a number beyond float32", 400, "/pool", poolBody({ shape: [1, 1], data: [1e300] })),
    refused("no base64", 400, "/pool", poolBody({ shape: [1, 1], data: "!?!?!?!?" })),
    refused("brackets ten thousand deep", 400, "/pool", "[".repeat(10_000)),
    {
      name: "a body that is too large",
      expected: 413,
      send: () => post(`${url}/pool`, "[[[", json, 2 ** 30),
    },
    refused("a session that is not there", 404, "/sessions/none/tokens", turns[0]!.body),
    refused("a fork of nothing", 404, "/sessions", JSON.stringify({ from: "none" })),
    { name: "no HTTP", expected: 400, send: () => speakNonsense(hostname, Number(port)) },
    {
      name: "an upload that is aborted",
      expected: undefined,
      send: () => abortUpload(`${url}/pool`, pool.body),
    },
    {
      name: "a client that leaves while it computes",
      expected: undefined,
      send: () => leave(url, prompt, turns[0]!.body),
    },
  ];
}

const json = { "content-type": "application/json" };

/** The status of the answer; none where the connection was closed without one. With another length, it breaks off. */
function post(
  url: string,
  body: string,
  headers: http.OutgoingHttpHeaders,
  length: number = Buffer.byteLength(body),
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: "POST", headers: { ...headers, "content-length": length } });
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
      if (length > body.length) request.destroy();
    });
    request.on("error", () => resolve(undefined));
    request.write(body);
    if (length === Buffer.byteLength(body)) request.end();
  });
}

function speakNonsense(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host, () => socket.write("HELO there\r\n\r\n"));
    socket.on("data", (data) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1]));
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(undefined));
  });
}

async function abortUpload(url: string, body: string): Promise<undefined> {
  const request = http.request(url, {
    method: "POST",
    headers: { ...json, "content-length": Buffer.byteLength(body) },
  });
  request.on("error", () => {});
  request.write(body.slice(0, body.length / 2));
  await sleep(5);
  request.destroy();
}

/** Makes a session, sends tokens, and is gone before the answer. The session it leaves behind is deleted. */
async function leave(url: string, prompt: string, body: string): Promise<undefined> {
  const created = await fetch(`${url}/sessions`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ from: prompt }),
  });
  const { id } = (await created.json()) as { id?: string };
  if (id === undefined) return;
  const session = `${url}/sessions/${id}`;
  await fetch(`${session}/tokens`, {
    method: "POST",
    headers: json,
    body,
    signal: AbortSignal.timeout(3),
  }).catch(() => {});
  await fetch(session, { method: "DELETE" });
}
