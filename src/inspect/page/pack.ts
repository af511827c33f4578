import { AttentionError } from "../../errors.ts";
import type { Turns } from "./turns.ts";

/** Bytes compressed by the platform, in a thread of its own. */
export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof CompressionStream === "undefined")
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      "there is no CompressionStream here, which packs the weights",
    );
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** How many characters `base64` makes of so many bytes. */
export function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}

/** A multiple of 3, so that pieces can be joined; and fewer than a call may have arguments. */
const piece = 3 * 8192;

export async function base64(bytes: Uint8Array, turns: Turns): Promise<string> {
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += piece) {
    text += btoa(String.fromCharCode(...bytes.subarray(begin, begin + piece)));
    await turns.due();
  }
  return text;
}
