/**
 * Every buffer that a call is given, and what it held before: each array lies in the middle of a larger buffer that is
 * filled with a pattern, and after the call all of it must be as it was, but for what was written on purpose.
 */
import { expect } from "vitest";

const MARGIN = 64;
const PATTERN = 0xa5;

type Kind = "ArrayBuffer" | "SharedArrayBuffer" | "resizable" | "growable";
type Ctor<A> = {
  new (buffer: ArrayBufferLike, offset: number, length?: number): A;
  BYTES_PER_ELEMENT: number;
};

interface Entry {
  readonly buffer: ArrayBufferLike;
  before: Uint8Array | undefined;
}

export class Ledger {
  readonly #entries: Entry[] = [];

  /** The same elements in a buffer with margins. */
  place<A extends Float32Array | Uint8Array>(array: A, kind: Kind = "ArrayBuffer"): A {
    const type = array.constructor as unknown as Ctor<A>;
    const bytes = 2 * MARGIN + array.byteLength;
    const buffer = makeBuffer(kind, bytes);
    new Uint8Array(buffer).fill(PATTERN);
    const placed = new type(buffer, MARGIN, array.length);
    placed.set(array as never);
    this.#entries.push({ buffer, before: undefined });
    return placed;
  }

  /** Notes what all buffers hold. */
  note(): void {
    for (const entry of this.#entries) entry.before = bytesOf(entry.buffer)?.slice();
  }

  /** Checks that nothing has changed; `written` may hold anything. */
  check(written?: ArrayBufferView): void {
    for (const { buffer, before } of this.#entries) {
      const after = bytesOf(buffer);
      if (before === undefined || after === undefined) continue;
      const from = written?.buffer === buffer ? written.byteOffset : 0;
      const to = written?.buffer === buffer ? from + written.byteLength : 0;
      for (let i = 0; i < before.length; i++)
        if (before[i] !== after[i] && !(i >= from && i < to))
          expect.fail(`byte ${i} of a buffer of ${before.length} has changed`);
    }
  }
}

function makeBuffer(kind: Kind, bytes: number): ArrayBufferLike {
  if (kind === "SharedArrayBuffer") return new SharedArrayBuffer(bytes);
  const options = { maxByteLength: bytes + 64 };
  if (kind === "resizable") return new (ArrayBuffer as ResizableConstructor<ArrayBuffer>)(bytes, options);
  if (kind === "growable")
    return new (SharedArrayBuffer as ResizableConstructor<SharedArrayBuffer>)(bytes, options);
  return new ArrayBuffer(bytes);
}

type ResizableConstructor<B> = new (bytes: number, options: { maxByteLength: number }) => B;

/** What a buffer holds; nothing where it is detached. */
function bytesOf(buffer: ArrayBufferLike): Uint8Array | undefined {
  try {
    return new Uint8Array(buffer);
  } catch {
    return undefined;
  }
}
