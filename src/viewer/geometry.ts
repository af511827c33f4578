// Where the cells of the heat map lie.

/** Sizes of the plot, in CSS pixels, and where it begins. */
export interface Frame {
  /** Room for the labels of queries at the left and keys above. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const largestCell = 64;
const largestHeight = 660;

/** Pixels of a label's character, and of what is between labels and plot. */
export const characterWidth = 6.4;
const besideLabel = 14;

/**
 * The frame for so many cells in so much room: cells are squares, unless that made one side too short to see.
 *
 * @param labels characters of the longest labels
 */
export function frameFor(
  { L, S }: { readonly L: number; readonly S: number },
  labels: { readonly queries: number; readonly keys: number },
  room: number,
): Frame {
  const labelRoom = (characters: number, most: number): number =>
    Math.min(most, Math.ceil(characters * characterWidth) + besideLabel);
  const left = labelRoom(labels.queries, room < 480 ? 74 : 112);
  const top = labelRoom(labels.keys, room < 480 ? 66 : 92);
  const available = Math.max(60, room - left - 2);
  const cell = Math.min(available / S, largestHeight / L, largestCell);
  const least = Math.min(available, 200);
  const width = Math.max(cell * S, Math.min(least, S * largestCell));
  const height = Math.max(cell * L, Math.min(least, L * largestCell));
  return { left, top, width, height };
}

/** What of a side is seen: cells of `size` pixels, the first one beginning at `offset`. */
export interface Side {
  readonly size: number;
  readonly offset: number;
  readonly count: number;
  /** Pixels of the plot. */
  readonly length: number;
}

/** Where a cell's middle is, in pixels of the plot. */
export function middleOf(n: number, { size, offset }: Side): number {
  return (n + 0.5) * size + offset;
}

/** The cell at this place of the plot, or the nearest: rounding may put a place at the edge beside it. */
export function cellAt(place: number, { size, offset, count }: Side): number {
  return Math.min(count - 1, Math.max(0, Math.floor((place - offset) / size)));
}

const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];

/** The cells that are labelled: all where there is room, else every second, fifth, tenth. */
export function labelled({ size, offset, count, length }: Side, room: number): number[] {
  const step = steps.find((step) => step * size >= room) ?? count;
  const first = Math.max(0, Math.ceil((-offset / size - 0.5) / step) * step);
  const found: number[] = [];
  for (let n = first; n < count && (n + 0.5) * size + offset <= length; n += step) found.push(n);
  return found;
}
