/** Draws a right call, does something to it now and then, makes it, and judges what comes of it. */
import type { TensorLike } from "wasm-attention";
import { sizeOf } from "../support/random-tensors.ts";
import { attempt, type Case, type Fate, type World } from "./attempt.ts";
import { damaged, oddValue, wrongBags } from "./damages.ts";
import { disguised, disguisedOptions } from "./disguises.ts";

/** Which input `out` lies over. */
const OVER = Symbol("over");

/** What was done, for the message of a call that fails. */
interface Deeds {
  readonly done: string[];
  fate: Fate;
}

export async function fuzzCall(
  kase: Case,
  world: World,
  only: { readonly topLevel: boolean; readonly engineInOptions: boolean },
): Promise<void> {
  const { draws, ledger, engine } = world;
  const placed: Record<string, TensorLike> = {};
  for (const [name, { data, ...rest }] of Object.entries(kase.tensors))
    placed[name] = { data: ledger.place(data), shape: (rest as { shape: number[] }).shape } as TensorLike;
  const deeds: Deeds = { done: [], fate: kase.fate ?? "right" };
  const tensors: Record<string, unknown> = { ...placed };
  const options: Record<string, unknown> = { ...kase.options };
  const told = { tensors: placed, options };

  for (const name of Object.keys(tensors)) disguise(name, tensors, placed, deeds, world);
  const target = draws.once(3) ? chooseOut(kase, placed, tensors, deeds, world) : {};
  const kind = draws.int(1, 10);
  if (kind <= 3) damageTensor(kase, tensors, placed, deeds, world);
  else if (kind === 4) replaceOption(kase, options, deeds, world);
  const topLevel = only.topLevel || draws.once(2);
  const how = { engine, sync: draws.once(2), topLevel };
  const bag = optionsOf(
    kase,
    tensors,
    { ...options, ...target, ...(topLevel && only.engineInOptions && { engine }) },
    deeds,
    world,
  );
  const args = Object.fromEntries(Object.entries(tensors).filter(([name]) => !kase.optional.includes(name)));
  try {
    const written = (target as { out?: TensorLike }).out?.data;
    await attempt(kase, { tensors: args, options: bag }, deeds.fate, how, world, written, told);
  } catch (error) {
    throw Object.assign(new Error(describeCall(kase, deeds, how, error)), { cause: error });
  } finally {
    for (const undo of world.cleanUp.splice(0)) undo();
  }
}

function disguise(
  name: string,
  tensors: Record<string, unknown>,
  placed: Record<string, TensorLike>,
  deeds: Deeds,
  world: World,
): void {
  if (!world.draws.once(4)) return;
  const { value, how } = disguised(placed[name]!, world);
  tensors[name] = value;
  deeds.done.push(`${name}: ${how}`);
}

function damageTensor(
  kase: Case,
  tensors: Record<string, unknown>,
  placed: Record<string, TensorLike>,
  deeds: Deeds,
  world: World,
): void {
  const name = world.draws.pick(Object.keys(placed));
  const { value, how } = damaged(placed[name]!, world);
  // ONNX and PyTorch spell absent inputs so.
  tensors[name] = value === null && kase.nullable?.includes(name) ? 0 : value;
  deeds.done.push(`${name}: ${how}`);
  if (!kase.takes?.includes(how)) deeds.fate = "refused";
}

function replaceOption(kase: Case, options: Record<string, unknown>, deeds: Deeds, world: World): void {
  const names = kase.names.filter((name) => !kase.optional.includes(name));
  if (names.length === 0) return;
  const name = world.draws.pick(names);
  options[name] = oddValue(world);
  deeds.done.push(`option ${name} replaced by ${typeof options[name]}`);
  if (deeds.fate === "right") deeds.fate = "either";
}

/** Where the result goes: often right, sometimes in the way of an input. */
function chooseOut(
  { outShape, tensors }: Case,
  placed: Record<string, TensorLike>,
  given: Record<string, unknown>,
  deeds: Deeds,
  { draws, ledger, engine, cleanUp }: World,
): { out?: unknown; [OVER]?: string } {
  if (outShape === undefined) return {};
  const size = sizeOf(outShape);
  switch (draws.int(1, 4)) {
    case 1: {
      deeds.done.push("out: in the engine");
      const out = engine.tensor(outShape);
      cleanUp.push(() => out.dispose());
      return { out };
    }
    case 2: {
      const name = draws.pick(Object.keys(tensors));
      const { data } = placed[name]!;
      if (data.length === 0 || size === 0 || data.BYTES_PER_ELEMENT === 1) return {};
      deeds.done.push(`out: over ${name}`);
      deeds.fate = "refused";
      // The last of the input's elements, and margin enough behind it in a buffer of its own.
      const wide = ledger.place(new Float32Array(data.length + size - 1));
      wide.set(data);
      const shape = shapeOf(placed[name]!);
      given[name] = placed[name] = { data: wide.subarray(0, data.length), shape };
      return { out: { data: wide.subarray(data.length - 1), shape: outShape }, [OVER]: name };
    }
    case 3:
      deeds.done.push("out: of another shape");
      deeds.fate = "refused";
      return { out: { data: new Float32Array(2 * size + 1), shape: [2 * size + 1, 1, 1, 1, 1] } };
    default:
      return { out: { data: ledger.place(new Float32Array(size).fill(7)), shape: outShape } };
  }
}

function optionsOf(
  kase: Case,
  tensors: Record<string, unknown>,
  { [OVER]: over, ...options }: Record<PropertyKey, unknown>,
  deeds: Deeds,
  world: World,
): unknown {
  // Disguised or damaged, an input that `out` lies over would not be the one it lies over.
  const { draws } = world;
  const all: Record<string, unknown> = { ...options };
  for (const name of kase.optional) all[name] = tensors[name];
  if (draws.once(20)) {
    deeds.done.push("other options");
    deeds.fate = "refused";
    return draws.pick(wrongBags)();
  }
  if (over !== undefined || !draws.once(5)) return all;
  const { value, how } = disguisedOptions(all, world);
  deeds.done.push(`options: ${how}`);
  return value;
}

function describeCall(kase: Case, deeds: Deeds, how: object, error: unknown): string {
  const { sync, topLevel, engine } = how as { sync: boolean; topLevel: boolean; engine: World["engine"] };
  const { kernels, threads } = engine.info();
  const shapes = Object.entries(kase.tensors).map(([name, x]) => `${name} [${shapeOf(x)}]`);
  const where = `${kernels}, ${threads} threads, ${sync ? "sync" : "async"}, ${topLevel ? "function" : "method"}`;
  const options = Object.keys(kase.options).join();
  return `${kase.name} (${where}): ${shapes.join(", ")}; options ${options}; ${deeds.done.join("; ")}; expected ${deeds.fate}: ${String((error as Error)?.stack ?? error)}`;
}

function shapeOf(x: Case["tensors"][string]): readonly number[] {
  return "shape" in x ? x.shape : x.dims;
}
