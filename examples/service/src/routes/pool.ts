// POST /pool: attention of queries over candidates. The weights rank the candidates, the pooled vectors are their mean by weight.
import type { FastifyInstance } from "fastify";
import type { Backend, PoolProblem } from "../backend/backend.ts";
import { startDeadline } from "../deadline.ts";
import type { Settings } from "../settings.ts";
import { readTensor, tensorSchema, type WireTensor, writeTensor } from "../tensors.ts";

interface PoolBody {
  readonly query: WireTensor;
  readonly candidates: WireTensor;
  readonly values?: WireTensor;
  readonly similarity: "dot" | "cosine";
  readonly scale?: number;
  readonly top: number;
}

const mostQueries = 64;
const mostCandidates = 4096;
const mostDimensions = 4096;

const schema = {
  body: {
    type: "object",
    required: ["query", "candidates"],
    additionalProperties: false,
    properties: {
      query: tensorSchema("[queries, dimensions]", [mostQueries, mostDimensions]),
      candidates: tensorSchema("[candidates, dimensions]", [mostCandidates, mostDimensions]),
      values: tensorSchema("[candidates, value dimensions]; default: candidates", [
        mostCandidates,
        mostDimensions,
      ]),
      similarity: { enum: ["dot", "cosine"], default: "dot" },
      scale: {
        type: "number",
        minimum: -1e6,
        maximum: 1e6,
        description: "default: 1/√dimensions, 1 for cosine",
      },
      top: { type: "integer", minimum: 0, maximum: mostCandidates, default: 10 },
    },
  },
};

export function poolRoutes(app: FastifyInstance, backend: Backend, { deadlineMs }: Settings): void {
  app.post<{ Body: PoolBody }>("/pool", { schema }, async ({ body }, reply) => {
    const problem = readProblem(body);
    const deadline = startDeadline(reply, deadlineMs);
    try {
      const { pooled, weights } = await backend.pool(problem, deadline.signal);
      const { L, S, V } = problem;
      return {
        pooled: writeTensor([L, V], pooled, body.query),
        rankings: Array.from({ length: L }, (_, i) => rank(weights.subarray(i * S, (i + 1) * S), body.top)),
      };
    } finally {
      deadline.end();
    }
  });
}

function readProblem({ query, candidates, values, similarity, scale }: PoolBody): PoolProblem {
  const [L, E] = query.shape as [number, number];
  const S = candidates.shape[0]!;
  const candidateData = readTensor("candidates", candidates, [undefined, E]);
  return {
    L,
    S,
    E,
    V: values === undefined ? E : values.shape[1]!,
    query: readTensor("query", query, [undefined, undefined]),
    candidates: candidateData,
    values: values === undefined ? candidateData : readTensor("values", values, [S, undefined]),
    similarity,
    scale: scale ?? (similarity === "dot" ? 1 / Math.sqrt(E) : 1),
  };
}

/** The candidates of the largest weights, the largest first. */
function rank(weights: Float32Array, top: number): { candidate: number; weight: number }[] {
  const order = Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]!);
  return order.slice(0, top).map((candidate) => ({ candidate, weight: weights[candidate]! }));
}
