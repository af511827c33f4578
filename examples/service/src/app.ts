// The service: routes, errors, log. It listens to no port and knows no signals of the process, so tests can have one each.
import fastify, { type FastifyInstance, LogController } from "fastify";
import { limitRequests } from "./admission.ts";
import type { Backend } from "./backend/backend.ts";
import { answerTo } from "./errors.ts";
import { serveMetrics } from "./metrics.ts";
import { healthRoutes, type Readiness } from "./routes/health.ts";
import { poolRoutes } from "./routes/pool.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { Sessions } from "./sessions.ts";
import type { Settings } from "./settings.ts";

/** Seconds after which a client that was refused for overload may try again. */
const RETRY_AFTER = 1;

export interface Service {
  readonly app: FastifyInstance;
  readonly readiness: Readiness;
}

export function buildService(settings: Settings, backend: Backend): Service {
  const app = fastify({
    logger: { level: settings.logLevel },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: settings.bodyLimitBytes,
    // An upload that does not come to its end.
    requestTimeout: settings.deadlineMs,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true } },
  });
  // JSON is all that it reads.
  app.removeContentTypeParser("text/plain");
  const readiness = { ready: false };
  const sessions = new Sessions(backend, settings);

  answerErrors(app);
  logRequests(app);
  limitRequests(app, settings.queueLimit);
  serveMetrics(app, backend, sessions);
  healthRoutes(app, backend, readiness);
  poolRoutes(app, backend, settings);
  sessionRoutes(app, sessions, settings);
  endConnections(app);
  app.addHook("onClose", async () => {
    sessions.close();
    await backend.close();
  });
  return { app, readiness };
}

function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error);
    if (status === 500) request.log.error({ err: error }, "unexpected");
    if (status === 503) reply.header("retry-after", RETRY_AFTER);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler(({ method, url }, reply) =>
    reply.code(404).send({ error: { code: "ERR_NO_ROUTE", message: `there is no ${method} ${url}` } }),
  );
}

/**
 * Closes connections as their last requests are answered. Fastify closes those that are idle when it is closed; a client
 * that keeps the others open would hold the service up for the 72 seconds of its keep-alive.
 */
function endConnections(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onResponse", async () => {
    if (closing) setImmediate(() => app.server.closeIdleConnections());
  });
}

/** One line a request, when it is over. */
function logRequests(app: FastifyInstance): void {
  app.addHook("onError", async (request, _, error) => {
    request.failure = (error as { code?: string }).code;
  });
  app.addHook("onResponse", async (request, reply) => {
    const line = {
      method: request.method,
      url: request.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ...(request.failure && { code: request.failure }),
      ...(!reply.raw.writableFinished && { aborted: true }),
    };
    request.log.info(line, "request");
  });
}

declare module "fastify" {
  interface FastifyRequest {
    /** The code of the error that it ended with. */
    failure?: string | undefined;
  }
}
