/** Which colours a stream shows, and the ramp that the heat map is painted with. */
import { WriteStream } from "node:tty";

/** Bits of colour: none, the 256 of xterm, or all of them. */
export type ColourDepth = 1 | 8 | 24;

/**
 * The colours to use on a stream: none with `--no-color`, `NO_COLOR` (https://no-color.org) and in pipes;
 * `FORCE_COLOR` (0 to 3, as Node reads it) wins over both. Terminals of only 16 colours get none: a
 * ramp needs more.
 */
export function colourDepth(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv,
  wanted: boolean,
): ColourDepth {
  if (!wanted) return 1;
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force === "0" || force === "false" ? 1 : force === "3" ? 24 : 8;
  if (env.NO_COLOR || stream.isTTY !== true) return 1;
  // Only reads the environment: Node's own table of terminals.
  const depth = WriteStream.prototype.getColorDepth.call(stream as WriteStream, env);
  return depth >= 24 ? 24 : depth >= 8 ? 8 : 1;
}

type Rgb = readonly [red: number, green: number, blue: number];

/**
 * Nine colours of viridis (S. van der Walt and N. Smith, CC0): it brightens evenly from dark violet to
 * yellow, and reads the same to the colour-blind.
 */
const viridis: readonly Rgb[] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/**
 * Nine of xterm's 256 colours near those of viridis, chosen by hand so that each is brighter than the
 * last: the nearest ones by distance are not.
 */
const nearViridis: readonly number[] = [53, 54, 24, 30, 36, 41, 77, 148, 220];

/** Text on a background of the ramp's colour at `level`, from 0 to 1. */
export function paint(text: string, level: number, depth: 8 | 24): string {
  const at = Math.min(Math.max(level, 0), 1) * (viridis.length - 1);
  const colour = depth === 24 ? `2;${between(at).join(";")}` : `5;${nearViridis[Math.round(at)]}`;
  return `\u001b[48;${colour}m${text}\u001b[0m`;
}

/** The colour between the two that stand next to a fractional index. */
function between(at: number): number[] {
  const low = viridis[Math.floor(at)]!;
  const high = viridis[Math.ceil(at)]!;
  return low.map((component, i) => Math.round(component + (high[i]! - component) * (at % 1)));
}

/** Emphasis for headings, where the stream shows any. */
export function bold(text: string, depth: ColourDepth): string {
  return depth === 1 ? text : `\u001b[1m${text}\u001b[22m`;
}
