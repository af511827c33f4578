// The service as a process of its own, as an operator starts it, with ./inside.ts in it.
import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Answers, Reply } from "./inside.ts";

export class ServiceProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
    this.#exit = once(child, "exit");
  }

  /** Starts it and waits until it is ready. Its log goes to a file. */
  static async start(environment: Record<string, string>, log: string): Promise<ServiceProcess> {
    const port = await freePort();
    const built = (file: string) => new URL(`../${file}`, import.meta.url);
    const output = fs.openSync(log, "w");
    const child = fork(fileURLToPath(built("src/main.js")), {
      env: { ...process.env, ...environment, HOST: "127.0.0.1", PORT: String(port) },
      execArgv: ["--expose-gc", "--import", built("load/inside.js").href],
      stdio: ["ignore", output, output, "ipc"],
    });
    fs.closeSync(output);
    const service = new ServiceProcess(`http://127.0.0.1:${port}`, child);
    await service.#untilReady(log);
    return service;
  }

  async ask<Question extends keyof Answers>(question: Question): Promise<Answers[Question]> {
    this.#child.send(question);
    for await (const [reply] of on(this.#child, "message") as AsyncIterable<[Reply]>)
      if (reply.question === question) return reply.answer as Answers[Question];
    throw new Error("the service has ended");
  }

  /** The metrics that have no labels, by name. */
  async metrics(): Promise<Record<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => /^\w+ /.test(line));
    return Object.fromEntries(
      lines.map((line) => line.split(" ")).map(([name, value]) => [name, Number(value)]),
    );
  }

  /** Asks it to shut down, as an orchestrator does. Resolves to its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    const [code] = await this.#exit;
    return code as number | null;
  }

  async #untilReady(log: string): Promise<void> {
    for (let i = 0; i < 200; i++) {
      const response = await fetch(`${this.url}/ready`).catch(() => undefined);
      if (response?.ok) return;
      if (this.#child.exitCode !== null) break;
      await sleep(50);
    }
    this.#child.kill("SIGKILL");
    throw new Error(`the service does not become ready:\n${fs.readFileSync(log, "utf8")}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
