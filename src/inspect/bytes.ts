/** As many bytes as one call may have arguments, in whole groups of three: texts of such parts can be joined. */
export const BASE64_PART: number = 3 * 8192;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += BASE64_PART)
    text += btoa(String.fromCharCode(...bytes.subarray(begin, begin + BASE64_PART)));
  return text;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
