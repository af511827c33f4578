// Names beside what they name, none on another.

const lineHeight = 16;
/** A letter of text of 13.5 pixels, on average. */
export const glyphWidth = 6.8;

/** The box of a text whose middle is at x, y. */
export function boxOf(text, x, y) {
  const half = (text.length * glyphWidth) / 2;
  return { left: x - half, right: x + half, top: y - lineHeight / 2, bottom: y + lineHeight / 2 };
}

/**
 * Finds a place for each text: above, below, right or left of its column of points, the nearest that is free.
 *
 * @param {{ text: string, x: number, top: number, bottom: number }[]} columns in pixels
 * @param {{ left: number, right: number, top: number, bottom: number }[]} taken boxes that are in use
 * @param {{ left: number, right: number, top: number, bottom: number }} frame what a text must not leave
 * @returns {{ text: string, x: number, y: number }[]} the middles
 */
export function placeLabels(columns, taken, frame) {
  const used = [...taken];
  return columns.map((column) => {
    const places = candidates(column).map(([x, y]) => ({ x, y, box: boxOf(column.text, x, y) }));
    const isFree = ({ box }) => isInside(box, frame) && used.every((other) => !overlap(box, other));
    const { x, y, box } = places.find(isFree) ?? places[0];
    used.push(box);
    return { text: column.text, x, y };
  });
}

function candidates({ text, x, top, bottom }) {
  const half = (text.length * glyphWidth) / 2;
  const [shifted, aside] = [half - 10, half + 9];
  return [0, 1, 2, 3].flatMap((further) => {
    const [above, below] = [top - 15 - further * lineHeight, bottom + 15 + further * lineHeight];
    return [
      ...[0, shifted / 2, -shifted / 2, shifted, -shifted].flatMap((shift) => [
        [x + shift, below],
        [x + shift, above],
      ]),
      ...[aside, -aside].flatMap((shift) => [
        [x + shift, bottom + further * lineHeight],
        [x + shift, top - further * lineHeight],
      ]),
    ];
  });
}

function isInside(box, frame) {
  return (
    box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom
  );
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
