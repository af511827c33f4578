// The process: settings from the environment, a port, signals.
import { buildService, type Service } from "./app.ts";
import { createBackend } from "./backend/backend.ts";
import { readSettings, type Settings } from "./settings.ts";

/** How long after the last deadline connections may stay open, for clients that read slowly. */
const GRACE_MS = 1000;

const settings = readSettings(process.env);
const backend = await createBackend(settings);
const service = buildService(settings, backend);
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => void shutDown(service, settings, signal));
await service.app.listen({ host: settings.host, port: settings.port });
await backend.warmUp();
service.readiness.ready = true;
service.app.log.info({ ...backend.info() }, "ready");

/** Takes no new requests, ends those that run, gives threads and memory back. The process then has nothing left to do. */
async function shutDown(
  { app, readiness }: Service,
  { deadlineMs }: Settings,
  signal: string,
): Promise<void> {
  app.log.info({ signal }, "shutting down");
  readiness.ready = false;
  // Requests end by their own deadline; a connection that is still open then is not waited for.
  setTimeout(() => app.server.closeAllConnections(), deadlineMs + GRACE_MS).unref();
  await app.close();
  app.log.info("shut down");
}
