// Lines between tokens, as SVG paths.

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A line from one token to another: an arc above those of one line of text, else from edge to edge. */
export function linkPath(from: Box, to: Box): string {
  const x0 = from.left + from.width / 2;
  const x1 = to.left + to.width / 2;
  if (from === to || (from.left === to.left && from.top === to.top)) {
    // A loop above the token itself.
    const y = from.top;
    return `M${x0 - 8},${y}C${x0 - 14},${y - 22} ${x0 + 14},${y - 22} ${x0 + 8},${y}`;
  }
  if (Math.abs(from.top - to.top) < from.height / 2) {
    const height = Math.min(26, 8 + Math.abs(x1 - x0) / 12);
    return `M${x0},${from.top}C${x0},${from.top - height} ${x1},${to.top - height} ${x1},${to.top}`;
  }
  const down = to.top > from.top;
  const y0 = down ? from.top + from.height : from.top;
  const y1 = down ? to.top : to.top + to.height;
  const middle = (y0 + y1) / 2;
  return `M${x0},${y0}C${x0},${middle} ${x1},${middle} ${x1},${y1}`;
}
