/**
 * Says on stderr, in a terminal only, what the command is busy with and for how long, once that takes
 * longer than a second. It can be drawn at all because attention runs off the event loop.
 */
const patience = 1000;
const interval = 100;
const barWidth = 24;

export interface Progress {
  /** What begins now, and how long it may take as far as is known. */
  stage(label: string, expectedMilliseconds?: number): void;
  /** Ends the line, if there is one. */
  stop(): void;
}

export function showProgress(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return { stage() {}, stop() {} };
  const begun = performance.now();
  let label = "";
  let expected: number | undefined;
  let stageBegun = begun;
  let drawn = false;
  const draw = (): void => {
    const now = performance.now();
    if (now - begun < patience) return;
    drawn = true;
    stream.write(
      `\r${describeProgress(label, now - stageBegun, expected).slice(0, (stream.columns ?? 80) - 1)}\u001b[K`,
    );
  };
  const timer = setInterval(draw, interval);
  timer.unref();
  return {
    stage(next, milliseconds) {
      label = next;
      expected = milliseconds;
      stageBegun = performance.now();
      draw();
    },
    stop() {
      clearInterval(timer);
      if (drawn) stream.write("\r\u001b[K");
    },
  };
}

/** `attending ████████──────── 1.2 s of about 3.4 s`; the bar waits near its end where the guess was too low. */
export function describeProgress(label: string, elapsed: number, expected?: number): string {
  const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
  if (expected === undefined) return `${label} ${seconds(elapsed)}`;
  const filled = Math.min(barWidth - 1, Math.floor((barWidth * elapsed) / expected));
  const bar = "█".repeat(filled) + "─".repeat(barWidth - filled);
  return `${label} ${bar} ${seconds(elapsed)} of about ${seconds(Math.max(expected, elapsed))}`;
}
