// Weights as they are, for heads that the page has room for. The lowest bytes of all float32 come first, the highest last:
// signs and exponents, which are much alike, lie together, so that deflate finds them.

/** Puts the weights from `from` to `to` where they belong among the planes of all. */
export function writePlanes(weights: Float32Array, from: number, to: number, into: Uint8Array): void {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  for (let plane = 0; plane < 4; plane++)
    for (let n = from; n < to; n++) into[plane * weights.length + n] = bytes[4 * n + plane]!;
}

/** The weights again. */
export function readPlanes(planes: Uint8Array): Float32Array {
  const count = planes.length / 4;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < 4; plane++)
    for (let n = 0; n < count; n++) bytes[4 * n + plane] = planes[plane * count + n]!;
  return new Float32Array(bytes.buffer);
}
