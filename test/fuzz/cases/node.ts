import type { Case } from "../attempt.ts";

type Loose = (...args: readonly unknown[]) => unknown;

/** Calls an operator of ONNX: inputs, attributes, and where it runs. */
export function node(order: Readonly<Record<string, string>>, sync: unknown, async: unknown): Case["call"] {
  return ({ tensors, options }, how) => {
    const inputs = Object.fromEntries(
      Object.entries(order).flatMap(([input, name]) => (name in tensors ? [[input, tensors[name]]] : [])),
    );
    return ((how.sync ? sync : async) as Loose)(inputs, options, { engine: how.engine });
  };
}
