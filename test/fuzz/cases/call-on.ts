import type { Case } from "../attempt.ts";

type Loose = (...args: readonly unknown[]) => unknown;

/** Calls an operator as a method of its engine or as a function, here and now or not. */
export function callOn(
  name: string,
  order: readonly string[],
  functions: { readonly sync: unknown; readonly async?: unknown },
): Case["call"] {
  return ({ tensors, options }, { engine, sync, topLevel }) => {
    const now = sync || functions.async === undefined;
    const args = [...order.map((tensor) => tensors[tensor]), options];
    if (topLevel) return (now ? (functions.sync as Loose) : (functions.async as Loose))(...args);
    const methods = engine as unknown as Record<string, Loose>;
    return methods[now && functions.async !== undefined ? `${name}Sync` : name]!(...args);
  };
}
