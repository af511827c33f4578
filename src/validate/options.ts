import { AttentionError } from "../errors.ts";
import { describe } from "../tensor-like.ts";

/** Refuses an option whose value is none of those listed. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const listed = choices.map((choice) => JSON.stringify(choice)).join(", ");
  throw new AttentionError("ERR_OPTION", `"${name}" expected one of ${listed}, got ${String(value)}`);
}

/** Refuses a number that is not finite, or below `minimum`. */
export function checkNumber(name: string, value: unknown, minimum: number = -Infinity): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return;
  const range = minimum === -Infinity ? "" : ` of at least ${minimum}`;
  throw new AttentionError("ERR_OPTION", `"${name}" expected a finite number${range}, got ${String(value)}`);
}

/** Refuses what is no whole number of at least `minimum`. */
export function checkWhole(name: string, value: unknown, minimum: number = 0): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= minimum) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a whole number of at least ${minimum}, got ${String(value)}`,
  );
}

/** Refuses a number that is not finite in float32, in which the kernels take it. */
export function checkFloat(name: string, value: unknown): void {
  checkNumber(name, value);
  if (Number.isFinite(Math.fround(value as number))) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a number that float32 can hold, got ${String(value)}`,
  );
}

/** Refuses what is neither true nor false. */
export function checkFlag(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new AttentionError("ERR_OPTION", `"${name}" expected true or false, got ${String(value)}`);
}

/**
 * Refuses what is no signal, and throws the reason of one that is aborted.
 */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (typeof signal?.throwIfAborted !== "function")
    throw new AttentionError(
      "ERR_OPTION",
      `"signal" expected an AbortSignal, got ${describe(signal)}${"signal" in Object(signal) ? " that has one: controller.signal" : ""}`,
    );
  signal.throwIfAborted();
}

/** Refuses options that do not exist: a misspelt one would be passed over without a word. */
export function checkNames(options: object, names: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null)
    throw new AttentionError("ERR_OPTION", `"options" expected an object, got ${String(options)}`);
  for (const name in options) {
    if (!names.has(name))
      throw new AttentionError(
        "ERR_OPTION",
        `"${name}" is no option here; expected ${[...names].join(", ")}`,
      );
  }
}
