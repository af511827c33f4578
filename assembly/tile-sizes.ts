// Every block size of the kernels, once, with its reason. Measured figures are in bench/NOTES.md. The build reads them too,
// once for each kernel set: nothing but arithmetic stands here.

/** Set by asconfig.json for the kernels that V8 is to compile for registers of 8 lanes: it joins neighbouring vectors. */
export const WIDE_REGISTERS: bool = isDefined(WIDE);

/** Lanes of one register. */
export const LANES: i32 = 4;

/** Lanes of what is loaded, computed and stored as a pair of neighbours. */
export const PAIR: i32 = 8;

/** Queries of a panel that has few. */
export const FEW: i32 = LANES;

/**
 * Columns of the register tile, across the lanes of two registers: the queries of an attention panel, the columns
 * of a packed matrix panel. 16 XMM or YMM registers less V8's scratch register leave 15.
 */
export const PANEL: i32 = WIDE_REGISTERS ? 16 : 8;

/**
 * Rows of the register tile. Fused: 6 x 2 sums, 2 panel registers and 1 broadcast fill the 15 registers, 97 to 99%
 * of the peak. Strict needs one more for the product before it is added, so 5 x 2.
 */
export const ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** Keys of one block of attention: a multiple of 4, 5 and 6, whose keys and values (64 wide) fit the L1 cache together. */
export const KEY_BLOCK: i32 = 60;

/**
 * Keys whose softmax is taken by itself, before it joins that of the keys before them. Every attention is cut so, whoever
 * computes the parts: joining costs half a percent at 540, and 512 keys are one part.
 */
export const PART_KEYS: i32 = 9 * KEY_BLOCK;

/** Depth of one part of a matrix product: 384 x 8 columns are 12 KiB, half of what the L1 cache has for them; x 16, 24 KiB. */
export const DEPTH_BLOCK: i32 = 384;

/** Bytes of a pair, and of one step of depth in a panel. */
export const PAIR_BYTES: usize = <usize>PAIR * 4;
export const PANEL_BYTES: usize = <usize>PANEL * 4;

/** Bytes of a panel's state beside its queries and sums: 22 fields of a lane and 8 of the panel, see attention-panel.ts. */
export const PANEL_HEADER: i32 = (22 * PANEL + 8) * 4;

/** Bytes of a block of scores, [keys][8]. Scratch has two: scores, and what belongs to each of them. */
export const BLOCK_BYTES: usize = <usize>KEY_BLOCK * PANEL_BYTES;

/** Fields of a lane that statistics keep beside its edges: see attention-statistics.ts. */
export const STATISTICS_FIELDS: i32 = 3;
