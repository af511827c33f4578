// What Prometheus is told: requests, the engine's state, the event loop's delay, and the process as such.
import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Backend, BackendInfo } from "./backend/backend.ts";
import type { Sessions } from "./sessions.ts";

export function serveMetrics(app: FastifyInstance, backend: Backend, sessions: Sessions): void {
  const registry = new Registry();
  // At its default resolution of 10 ms the histogram of delays says 10 ms when nothing is wrong.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1 });
  measureRequests(app, registry);
  describeEngine(registry, backend, sessions);
  app.get("/metrics", { logLevel: "warn" }, async (_, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

function measureRequests(app: FastifyInstance, registry: Registry): void {
  const seconds = new Histogram({
    name: "http_request_duration_seconds",
    help: "From the request's head to the last byte of the answer",
    labelNames: ["method", "route", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const aborted = new Counter({
    name: "http_requests_aborted_total",
    help: "Requests whose client went away before the answer was complete",
    labelNames: ["route"],
    registers: [registry],
  });
  app.addHook("onResponse", async ({ method, routeOptions }, reply) => {
    const route = routeOptions.url ?? "none";
    if (reply.raw.writableFinished)
      seconds.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    else aborted.inc({ route });
  });
}

function describeEngine(registry: Registry, backend: Backend, sessions: Sessions): void {
  const gauge = (name: string, help: string, read: (info: BackendInfo) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(backend.info()));
      },
    });
  };
  gauge("attention_threads", "Threads that compute", ({ threads }) => threads);
  gauge("attention_calls_running", "Calls in flight, those that wait included", ({ running }) => running);
  gauge("attention_calls_queued", "Calls that wait for their turn", ({ queued }) => queued);
  gauge("attention_memory_used_bytes", "Linear memory in use", ({ memory }) => memory.used);
  gauge("attention_memory_peak_bytes", "The most that was in use", ({ memory }) => memory.peak);
  gauge(
    "attention_memory_reserved_bytes",
    "Linear memory that the process keeps",
    ({ memory }) => memory.reserved,
  );
  gauge("attention_memory_limit_bytes", "The most that may be in use", ({ memory }) => memory.limit);
  gauge("sessions", "Sessions that are open", () => sessions.count);
  gauge("sessions_bytes", "Linear memory of the sessions", () => sessions.bytes);
  new Counter({
    name: "sessions_expired_total",
    help: "Sessions closed because nobody had used them for a while",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(sessions.expired);
    },
  });
}
