// What went wrong, as a status and a code. The one place that knows which error of the library is which status of HTTP.
import type { FastifyError } from "fastify";
import { AttentionError, type AttentionErrorCode } from "wasm-attention";

/** An error of this service's own. */
export class ServiceError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The client is gone: nobody reads this, but the log shows it (the status is nginx's). */
export const disconnected = (): ServiceError =>
  new ServiceError(499, "ERR_DISCONNECTED", "the client has closed the connection");

export const tooLate = (milliseconds: number): ServiceError =>
  new ServiceError(504, "ERR_DEADLINE", `not done within ${milliseconds} ms`);

const statuses: Readonly<Record<AttentionErrorCode, number>> = {
  // The schemas and the routes refuse what these would: they are here for what those overlook.
  ERR_SHAPE: 400,
  ERR_DTYPE: 400,
  ERR_OPTION: 400,
  // Overload: it will pass.
  ERR_QUEUE_FULL: 503,
  ERR_MEMORY: 503,
  // Shutting down.
  ERR_DISPOSED: 503,
  // A fault of this service.
  ERR_WORKER: 500,
  ERR_FILE: 500,
  ERR_UNSUPPORTED: 500,
};

export interface Answer {
  readonly status: number;
  readonly body: { readonly error: { readonly code: string; readonly message: string } };
}

/** What a client is told. Messages of unexpected errors stay in the log. */
export function answerTo(error: unknown): Answer {
  const { status, code, message } = understand(error);
  const told = status === 500 ? "an error of this service; its log says more" : message;
  return { status, body: { error: { code, message: told } } };
}

function understand(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof ServiceError) return error;
  if (error instanceof AttentionError)
    return { status: statuses[error.code], code: error.code, message: error.message };
  const { statusCode, code, message } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode < 500 && message !== undefined)
    return { status: statusCode, code: code ?? "ERR_REQUEST", message };
  if (statusCode === 503) return { status: 503, code: code ?? "ERR_UNAVAILABLE", message: message ?? "" };
  return { status: 500, code: "ERR_INTERNAL", message: "" };
}
