import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import { takeTensor, unreadable } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";

/**
 * Options as they were when they were read: each of them once, tensors among them, so that what is checked stays true. An
 * option that does not exist is refused: a misspelt one would be passed over without a word.
 *
 * @param what what an error calls the object itself
 */
export function readOptions<T extends object>(options: T, names: ReadonlySet<string>, what = "options"): T {
  if (typeof options !== "object" || options === null)
    throw new AttentionError("ERR_OPTION", `"${what}" expected an object, got ${describe(options)}`);
  const read: Record<string, unknown> = {};
  let name = what;
  try {
    for (name in options) {
      if (!names.has(name)) throw unknownName(name, names);
      const value = (options as Record<string, unknown>)[name];
      if (value !== undefined) read[name] = takeOption(name, value);
    }
    name = what;
    // Getters of a class are on its prototype, where no loop finds them.
    const prototype: unknown = Object.getPrototypeOf(options);
    if (prototype !== Object.prototype && prototype !== null) readInherited(options, names, read);
  } catch (cause) {
    throw unreadable(name, cause);
  }
  if (read.signal !== undefined) checkSignal(read.signal);
  return read as T;
}

function readInherited(options: object, names: ReadonlySet<string>, read: Record<string, unknown>): void {
  for (const name of names) {
    if (name in read) continue;
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) read[name] = takeOption(name, value);
  }
}

/** Tensors and lists as they are now. Where a result goes is handed back itself, and read where it is checked. */
function takeOption(name: string, value: unknown): unknown {
  if (name === "out") return value;
  return isArray(value) ? takeList(value) : takeTensor(name, value);
}

/** A longer list is right nowhere: it is refused where it is read. */
const LONGEST_LIST: number = 2 ** 24;

/** A list of its own, without holes. */
function takeList(list: readonly unknown[]): readonly unknown[] {
  const { length } = list;
  if (!(length <= LONGEST_LIST)) return list;
  const taken = new Array<unknown>(length);
  for (let i = 0; i < length; i++) taken[i] = list[i];
  return taken;
}

/** Refuses options that do not exist, where they are not kept. */
export function checkNames(options: object, names: ReadonlySet<string>): void {
  for (const name in options) if (!names.has(name)) throw unknownName(name, names);
}

function unknownName(name: string, names: ReadonlySet<string>): AttentionError {
  const all = [...names];
  return new AttentionError(
    "ERR_OPTION",
    `"${name}" is no option here${didYouMean(name, all)}; expected ${all.join(", ") || "none"}`,
  );
}

/** Refuses what is no signal, and throws the reason of one that is aborted, before anything else is looked at. */
function checkSignal(signal: unknown): void {
  const { aborted, throwIfAborted, addEventListener, removeEventListener } = Object(signal) as AbortSignal;
  const methods = [throwIfAborted, addEventListener, removeEventListener];
  if (typeof aborted === "boolean" && methods.every((method) => typeof method === "function")) {
    (signal as AbortSignal).throwIfAborted();
    return;
  }
  const hint = "signal" in Object(signal) ? " that has one: controller.signal" : "";
  throw new AttentionError("ERR_OPTION", `"signal" expected an AbortSignal, got ${describe(signal)}${hint}`);
}

/** Refuses an option whose value is none of those listed. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const listed = choices.map((choice) => JSON.stringify(choice)).join(", ");
  throw new AttentionError("ERR_OPTION", `"${name}" expected one of ${listed}, got ${describe(value)}`);
}

/** Refuses a number that is not finite, or below `minimum`. */
export function checkNumber(name: string, value: unknown, minimum: number = -Infinity): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return;
  const range = minimum === -Infinity ? "" : ` of at least ${minimum}`;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a finite number${range}, got ${describe(value)}`,
  );
}

/** Refuses what is no whole number of at least `minimum`. */
export function checkWhole(name: string, value: unknown, minimum: number = 0): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= minimum) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a whole number of at least ${minimum}, got ${describe(value)}`,
  );
}

/** Refuses more than there may be. */
export function checkMost(name: string, value: number, most: number): void {
  if (value > most)
    throw new AttentionError("ERR_OPTION", `"${name}" expected at most ${most}, got ${value}`);
}

/** Refuses a number that is not finite in float32, in which the kernels take it. */
export function checkFloat(name: string, value: unknown, minimum?: number): void {
  checkNumber(name, value, minimum);
  if (Number.isFinite(Math.fround(value as number))) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a number that float32 can hold, got ${describe(value)}`,
  );
}

/** Refuses a softcap that float32 cannot hold; 0 is none, so one that becomes 0 there is refused too. */
export function checkSoftcap(softcap: unknown): void {
  checkFloat("softcap", softcap, 0);
  if (softcap !== 0 && Math.fround(softcap as number) === 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"softcap" expected a number that float32 can hold, got ${describe(softcap)}`,
    );
}

/** Refuses what is neither true nor false. */
export function checkFlag(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new AttentionError("ERR_OPTION", `"${name}" expected true or false, got ${describe(value)}`);
}
