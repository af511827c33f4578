// What a kernel is told: one record of 4-byte fields in linear memory, written by the planner. The build reads this
// file and writes the matching layout for TypeScript, so a field is declared here and nowhere else.
// usize fields are addresses (0 = absent); fields whose name ends in Stride or Bytes are bytes; others are counts.

/**
 * Attention over `batch x kvHeads` groups of `group * L` query rows (group = H / K); tile = up to `panels` panels of one
 * group. Rows of results are numbered entry * rowsBatchStride + head * rowsHeadStride + query.
 */
@unmanaged
export class AttentionParameters {
  query: usize;
  key: usize;
  value: usize;
  output: usize;
  /** One float a row, or absent. */
  logSumExp: usize;
  /** Where tiles share the keys of a group: `parts` records for each panel, of what parts leave. Absent = a tile takes all keys. */
  records: usize;
  /** S floats a row each, or absent. */
  weights: usize;
  scores: usize;
  mask: usize;
  bias: usize;
  secondBias: usize;
  /** Per query head: slope of ALiBi, score of the sink; absent = none. */
  slopes: usize;
  sinks: usize;
  /** Per entry and query head: factor on the output, or absent. */
  headFactors: usize;
  /** Per query head: bias by distance, from -relativeReach to relativeReach. */
  relativeBias: usize;
  /** Kinds of the blocks of a block mask, and the bytes of its partial ones. */
  blockKinds: usize;
  blockBytes: usize;
  /** Per batch entry: position of query 0, and number of valid keys; absent = `offset` and S for all. */
  offsets: usize;
  lengths: usize;
  /** Packed sequences: where each entry's queries and keys start, and entry, group and first row of each tile. */
  queryStarts: usize;
  keyStarts: usize;
  tiles: usize;
  /** Of a cache, in place of key and value: `pageColumns` addresses of pages an entry, and each entry's first page. */
  pages: usize;
  firstPages: usize;
  /** Of a cache, per batch entry: keys that are there, whether valid or not; absent = keyLength. */
  held: usize;

  kvHeads: i32;
  group: i32;
  queryLength: i32;
  keyLength: i32;
  headSize: i32;
  valueSize: i32;
  panels: i32;
  tilesPerGroup: i32;
  keysPerStep: i32;
  /** Parts of the longest entry's keys, where tiles share them, and how many a tile takes; else 1. */
  parts: i32;
  partsPerTile: i32;
  /** 1: parts have left their records, which are joined now. */
  joins: i32;
  similarity: i32;
  offset: i32;
  /** 1: the scores are scaled and masked before the softmax; 0: only scale > 0 is left to do, and the softmax does it. */
  finalScores: i32;
  /** Which scores `scores` takes: 0 scaled, 1 capped, 2 biased. */
  scoreStage: i32;
  /** Keys before and after a query's own position that it may see; negative = all. */
  left: i32;
  right: i32;
  relativeReach: i32;
  blockSize: i32;
  /** Blocks of a row of `blockKinds`. */
  blockColumns: i32;
  pageColumns: i32;
  /** How pages store numbers: 0 float32, 1 bfloat16, 2 int8 and a scale for each row. */
  storage: i32;
  /** 1: keys and values come from memory, and are better read through in order before they are used. */
  far: i32;
  scale: f32;
  /** 0 = none. */
  softcap: f32;

  rowsBatchStride: u32;
  rowsHeadStride: u32;
  queryBatchStride: u32;
  queryHeadStride: u32;
  queryRowStride: u32;
  keyBatchStride: u32;
  keyHeadStride: u32;
  keyRowStride: u32;
  valueBatchStride: u32;
  valueHeadStride: u32;
  valueRowStride: u32;
  outputBatchStride: u32;
  outputHeadStride: u32;
  outputRowStride: u32;

  maskBatchStride: u32;
  maskHeadStride: u32;
  maskRowStride: u32;
  maskKeyStride: u32;
  biasBatchStride: u32;
  biasHeadStride: u32;
  biasRowStride: u32;
  biasKeyStride: u32;
  secondBiasBatchStride: u32;
  secondBiasHeadStride: u32;
  secondBiasRowStride: u32;
  secondBiasKeyStride: u32;
  blockBatchStride: u32;
  blockHeadStride: u32;

  storedKeyBytes: u32;
  storedValueBytes: u32;
  /** Where a page's values, scales of keys and scales of values start. */
  pageValuesBytes: u32;
  pageKeyScalesBytes: u32;
  pageValueScalesBytes: u32;
}

/**
 * Statistics of an attention's weights; tile = up to `panelsPerTile` panels of one query head, `panels` at a time, of
 * `tilesPerGroup / group` tiles a head. Numbered as above, a row has one entropy and `edges` edges.
 */
@unmanaged
export class AttentionStatisticsParameters extends AttentionParameters {
  entropies: usize;
  /** Keys (i32) and weights of a row's largest weights. */
  edgeKeys: usize;
  edgeWeights: usize;
  /** What a tile's rows add to each key, S floats, then to each diagonal, L + S - 1; tile after tile. */
  masses: usize;
  edges: i32;
  panelsPerTile: i32;
}

/**
 * Appends rows of keys and values to the pages of a cache, in the pages' own format; tile = one page of one entry. Where
 * an entry's first page is shared with another cache, its rows are copied to a new one first.
 */
@unmanaged
export class AppendParameters {
  key: usize;
  value: usize;
  pages: usize;
  firstPages: usize;
  /** Per batch entry: the page to copy from, 0 = none; absent = none at all. */
  copies: usize;
  /** Per batch entry: tokens it holds already, and tokens that are added. */
  lengths: usize;
  counts: usize;

  pageColumns: i32;
  /** The most pages that one entry's tokens are added to. */
  pagesPerEntry: i32;
  kvHeads: i32;
  headSize: i32;
  valueSize: i32;
  storage: i32;

  keyBatchStride: u32;
  keyHeadStride: u32;
  keyRowStride: u32;
  valueBatchStride: u32;
  valueHeadStride: u32;
  valueRowStride: u32;
  storedKeyBytes: u32;
  storedValueBytes: u32;
  pageValuesBytes: u32;
  pageKeyScalesBytes: u32;
  pageValueScalesBytes: u32;
}

/** result = scale * (a b) + bias over a batch; tile = `rowsPerTile` rows x `columnsPerTile` columns of one product. */
@unmanaged
export class MatmulParameters {
  a: usize;
  b: usize;
  /** N floats, or absent. */
  bias: usize;
  result: usize;
  /** Byte offset of each batch entry's operand, or absent: `aBatchStride` and `bBatchStride` times the entry. */
  aOffsets: usize;
  bOffsets: usize;

  rows: i32;
  columns: i32;
  depth: i32;
  rowsPerTile: i32;
  columnsPerTile: i32;
  rowTiles: i32;
  columnTiles: i32;
  /** 1: b is packed in panels [column / 8][depth][8] as packPanels writes them. */
  packed: i32;
  scale: f32;

  aBatchStride: u32;
  bBatchStride: u32;
  resultBatchStride: u32;
  aRowStride: u32;
  aDepthStride: u32;
  bDepthStride: u32;
  bColumnStride: u32;
  resultRowStride: u32;
}

/** Packs a matrix once for many products: panels [column / 8][depth][8], the last one filled up with zeros. */
@unmanaged
export class PackParameters {
  source: usize;
  target: usize;
  columns: i32;
  depth: i32;
  panelsPerTile: i32;
  depthStride: u32;
  columnStride: u32;
}

/** Softmax over the middle axis of [outer, length, inner]; tile = `perTile` of the outer x inner slices. */
@unmanaged
export class SoftmaxParameters {
  input: usize;
  output: usize;
  mask: usize;
  /** Byte offset of the mask for each outer and each inner index, or absent = 0. */
  maskOuterOffsets: usize;
  maskInnerOffsets: usize;
  outer: i32;
  length: i32;
  inner: i32;
  perTile: i32;
  /** 0 none, 1 boolean, 2 additive. */
  maskKind: i32;
  logarithm: i32;
  scale: f32;
  maskLengthStride: u32;
}

/** Copies `rows` rows of `rowBytes`, repeated over a batch: how learned and zero keys join projected ones. */
@unmanaged
export class CopyParameters {
  /** Absent = zeros. */
  source: usize;
  target: usize;
  rows: i32;
  rowBytes: u32;
  sourceStride: u32;
  targetStride: u32;
}

/**
 * Attention over disjoint sets of keys, one part each, becomes attention over all of them; tile = `rowsPerTile` of the
 * `batch x heads x queryLength` rows. What belongs to a row alone (logSumExp, sums) lies row by row, [B, H, L]; outputs
 * have strides, the same in all parts.
 */
@unmanaged
export class MergeParameters {
  /** Tables of `parts` addresses: each part's output and logSumExp. */
  outputs: usize;
  logSumExps: usize;
  output: usize;
  /** One float a row. */
  logSumExp: usize;
  parts: i32;
  rows: i32;
  rowsPerTile: i32;
  heads: i32;
  queryLength: i32;
  valueSize: i32;
  /** Of the parts' outputs and of the result. */
  batchStride: u32;
  headStride: u32;
  rowStride: u32;
}

/** RMS norm and rotary positions of rows of heads, some entries of `rowsPerEntry` rows; tile = `rowsPerTile` rows. */
@unmanaged
export class RotaryParameters {
  input: usize;
  output: usize;
  /** [tables, positions, rotarySize / 2]. */
  cosines: usize;
  sines: usize;
  /** headSize floats, or absent = no norm. */
  normWeight: usize;
  rows: i32;
  rowsPerTile: i32;
  rowsPerEntry: i32;
  /** Rows side by side that share a position: the heads of a token. */
  rowsPerPosition: i32;
  /** Positions an entry has; rows beyond start over (the next head). */
  positions: i32;
  /** Rows of the tables from one entry to the next; 0 = all entries use the same. */
  tableEntryRows: i32;
  headSize: i32;
  /** How much of a head is rotated; 0 = nothing. */
  rotarySize: i32;
  interleaved: i32;
  epsilon: f32;
  entryStride: u32;
}

/**
 * Linear attention of `batch x kvHeads` heads, each with a state [headSize, valueSize]; tile = `columnsPerTile` columns of
 * one head, step = `tokensPerStep` tokens. What there is of decay, beta and erase gate makes the update rule.
 */
@unmanaged
export class LinearAttentionParameters {
  query: usize;
  key: usize;
  value: usize;
  output: usize;
  /** Logarithms: a row of `decaySize` (headSize or 1) floats for each token, or absent = nothing is forgotten. */
  decay: usize;
  /** A float for each token: the delta rule; or absent. */
  beta: usize;
  /** A row for each token, with beta; or absent = 1. */
  eraseGate: usize;
  /** Absent = zeros. Must not be `presentState`: a tile may be run again from its first step. */
  pastState: usize;
  /** Absent = not asked for. */
  presentState: usize;

  kvHeads: i32;
  group: i32;
  tokens: i32;
  headSize: i32;
  valueSize: i32;
  decaySize: i32;
  columnsPerTile: i32;
  columnTiles: i32;
  tokensPerStep: i32;
  /** Tokens whose decays and retrieving keys are in scratch at a time. */
  tokensPerBlock: i32;
  scale: f32;

  queryBatchStride: u32;
  queryHeadStride: u32;
  queryRowStride: u32;
  keyBatchStride: u32;
  keyHeadStride: u32;
  keyRowStride: u32;
  valueBatchStride: u32;
  valueHeadStride: u32;
  valueRowStride: u32;
  outputBatchStride: u32;
  outputHeadStride: u32;
  outputRowStride: u32;
  decayBatchStride: u32;
  decayHeadStride: u32;
  decayRowStride: u32;
  betaBatchStride: u32;
  betaHeadStride: u32;
  betaRowStride: u32;
  eraseGateBatchStride: u32;
  eraseGateHeadStride: u32;
  eraseGateRowStride: u32;
}

/** Positive random features of the rows of heads; tile = `rowsPerTile` rows of one head. */
@unmanaged
export class RandomFeaturesParameters {
  input: usize;
  /** Directions, packed in panels [count / 8][headSize][8]. */
  directions: usize;
  /** [batch, heads, length] rows of `count` features. */
  features: usize;
  /** One float a row: the logarithm of what its features were divided by; or absent. */
  logScales: usize;
  /** Per batch entry: number of valid rows; absent = all. */
  lengths: usize;
  heads: i32;
  length: i32;
  headSize: i32;
  count: i32;
  rowsPerTile: i32;
  tilesPerHead: i32;
  /** Factor on the rows. */
  scale: f32;
  epsilon: f32;
  inputBatchStride: u32;
  inputHeadStride: u32;
  inputRowStride: u32;
  featureStride: u32;
}

/** Values weighted by what their keys' features were divided by, the weight as one more column; tile as above. */
@unmanaged
export class WeightedValuesParameters {
  value: usize;
  logScales: usize;
  output: usize;
  /** One float a row: the logarithm of what all rows before it shrink by; absent = all rows share one maximum. */
  decays: usize;
  heads: i32;
  length: i32;
  valueSize: i32;
  rowsPerTile: i32;
  tilesPerHead: i32;
  valueBatchStride: u32;
  valueHeadStride: u32;
  valueRowStride: u32;
  outputBatchStride: u32;
  outputHeadStride: u32;
  outputRowStride: u32;
}

/** Rows divided by their last column, which is dropped; tile as above. */
@unmanaged
export class QuotientParameters {
  input: usize;
  output: usize;
  heads: i32;
  length: i32;
  valueSize: i32;
  rowsPerTile: i32;
  tilesPerHead: i32;
  inputBatchStride: u32;
  inputHeadStride: u32;
  inputRowStride: u32;
  outputBatchStride: u32;
  outputHeadStride: u32;
  outputRowStride: u32;
}
