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

/** Text on a background of the ramp's colour at `level`, from 0 to 1. */
export function paint(text: string, level: number, depth: 8 | 24): string {
  const at = Math.min(Math.max(level, 0), 1) * (viridis.length - 1);
  const low = viridis[Math.floor(at)]!;
  const high = viridis[Math.ceil(at)]!;
  const [red, green, blue] = low.map((c, i) => Math.round(c + (high[i]! - c) * (at % 1))) as [
    number,
    number,
    number,
  ];
  const colour = depth === 24 ? `2;${red};${green};${blue}` : `5;${nearestOf256(red, green, blue)}`;
  return `\u001b[48;${colour}m${text}\u001b[0m`;
}

/** Emphasis for headings, where the stream shows any. */
export function bold(text: string, depth: ColourDepth): string {
  return depth === 1 ? text : `\u001b[1m${text}\u001b[22m`;
}

/** Steps of xterm's 6 x 6 x 6 cube, which begins at colour 16. */
const steps = [0, 95, 135, 175, 215, 255];

function nearestOf256(...rgb: readonly number[]): number {
  const nearest = rgb.map((c) =>
    steps.reduce((best, step, i) => (Math.abs(step - c) < Math.abs(steps[best]! - c) ? i : best), 0),
  );
  return 16 + 36 * nearest[0]! + 6 * nearest[1]! + nearest[2]!;
}
