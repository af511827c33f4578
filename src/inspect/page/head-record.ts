// A head as bytes: what the page reads when the head is opened. Little-endian, as all that WebAssembly runs on.
//
//   entropy      float32 [L]
//   key mass     float32 [S]
//   top weights  float32 [L, topK]  the largest first; 0 where there are no more
//   top keys     uint16  [L, topK]  of equal weights the first key first; NO_KEY where there are no more
//   weights      [L, S]: float32, in planes (planes.ts), or rounded to levels, several in a byte (levels.ts)

export const NO_KEY = 0xffff;

export interface RecordSizes {
  readonly L: number;
  readonly S: number;
  readonly topK: number;
}

/** Views of a head's record: all of one buffer. */
export interface HeadRecord {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each row, in nats. */
  readonly entropy: Float32Array;
  /** What each key receives. */
  readonly keyMass: Float32Array;
  readonly topWeights: Float32Array;
  readonly topKeys: Uint16Array;
  /** The weights. In a new record room for a level a byte, of which packed ones leave the end. */
  readonly packed: Uint8Array;
}

/** Looks at a buffer as a record; without one, at a new one. */
export function headRecord({ L, S, topK }: RecordSizes, given?: ArrayBuffer): HeadRecord {
  const floats = L + S + L * topK;
  const levels = 4 * floats + 2 * L * topK;
  const buffer = given ?? new ArrayBuffer(levels + L * S);
  return {
    bytes: new Uint8Array(buffer),
    entropy: new Float32Array(buffer, 0, L),
    keyMass: new Float32Array(buffer, 4 * L, S),
    topWeights: new Float32Array(buffer, 4 * (L + S), L * topK),
    topKeys: new Uint16Array(buffer, 4 * floats, L * topK),
    packed: new Uint8Array(buffer, levels),
  };
}
