/** Which colours a stream shows, and the ramp that the heat map is painted with. */
import { WriteStream } from "node:tty";
import { colourAt, stopsOf } from "../../inspect/heat-map/colour-maps.ts";

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

const viridis = stopsOf("viridis");

/**
 * Nine of xterm's 256 colours near those of viridis at equal distances, chosen by hand so that each is brighter than the
 * last: the nearest ones by distance are not.
 */
const nearViridis: readonly number[] = [53, 54, 24, 30, 36, 41, 77, 148, 220];

/** Text on a background of the ramp's colour at `level`, from 0 to 1. */
export function paint(text: string, level: number, depth: 8 | 24): string {
  const within = Math.min(Math.max(level, 0), 1);
  const near = nearViridis[Math.round(within * (nearViridis.length - 1))];
  const colour = depth === 24 ? `2;${colourAt(viridis, within).join(";")}` : `5;${near}`;
  return `\u001b[48;${colour}m${text}\u001b[0m`;
}

/** Emphasis for headings, where the stream shows any. */
export function bold(text: string, depth: ColourDepth): string {
  return depth === 1 ? text : `\u001b[1m${text}\u001b[22m`;
}
