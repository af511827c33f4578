import { AttentionError } from "../../errors.ts";
import { BASE64_PART, joined, toBase64 } from "../bytes.ts";
import type { Turns } from "./turns.ts";

/** Bytes compressed by the platform, in a thread of its own. They may not change until then. */
export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof CompressionStream === "undefined")
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      "there is no CompressionStream here, which packs the weights",
    );
  // Of the stream itself: to load Response, which would collect it, keeps Node busy for 30 ms.
  const { readable, writable } = new CompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const [packed] = await Promise.all([collect(readable), written]);
  return packed;
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  return joined(chunks);
}

/** How many characters `base64` makes of so many bytes. */
export function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}

export async function base64(bytes: Uint8Array, turns: Turns): Promise<string> {
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += BASE64_PART) {
    text += toBase64(bytes.subarray(begin, begin + BASE64_PART));
    await turns.due();
  }
  return text;
}
