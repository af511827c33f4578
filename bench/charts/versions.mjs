// versions.svg: attention, a product and a step of a decoder on every Node version and kernel set that was measured.
import { describeBars, drawBars, speedOf } from "./bars.mjs";
import { createPage, palette } from "./page.mjs";
import { describeMachine, listVersions } from "./results.mjs";

const names = ["bert-base", "bert-projection", "llama3-8b-decode"];
const fills = { strict: palette.strict, relaxed: palette.relaxed, wide: palette.violet };

export function createVersionsChart({ machine, versions, digest }) {
  const works = names.map((name) => {
    const measured = listVersions(versions, name);
    const bars = measured.map(({ major, kernels, entry }) => ({
      label: `Node ${major}, ${kernels}`,
      fill: fills[kernels],
      ...speedOf(entry),
    }));
    return { ...measured[0].work, bars };
  });
  const fastest = Math.max(...works.flatMap(({ bars }) => bars.map(({ speed }) => speed)));
  const numbers = versions.map(({ usual }) => usual.machine.node.slice(1)).join(", ");
  return createPage({
    digest,
    title: "Node versions and kernel sets",
    subtitle: [
      [`GFLOP/s of one thread on ${describeMachine(machine)}: longer bars are faster.`],
      ["At the right, the time of one call. Best runs."],
    ],
    panels: works.map((work, i) => drawBars(work, fastest, i === 0)),
    notes: [`Node ${numbers}. The wide kernels are an experiment that has to be asked for.`],
    description: works.map(describeBars).join(" "),
  });
}
