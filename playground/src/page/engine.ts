import type { EngineInfo } from "wasm-attention";
import { bytes, plural } from "../../../src/cli/terminal/format.ts";
import { find, make } from "./elements.ts";

/** As many threads as the machine has; one, and why, where memory cannot be shared. */
export function offerThreads(): void {
  const threads = find<HTMLSelectElement>("#threads");
  const most = Math.min(8, navigator.hardwareConcurrency || 1);
  for (let n = 1; n <= most; n++) threads.add(new Option(String(n)));
  if (isIsolated()) {
    threads.options[0]!.text = `all ${most}`;
    return;
  }
  threads.options[0]!.text = "1";
  threads.disabled = true;
  const hint = find<HTMLElement>("#threads-hint");
  hint.append(
    "Threads need a page that is cross-origin isolated",
    ...toOtherBuild(": ", "the build with threads"),
    ".",
  );
  hint.hidden = false;
}

/** What the engine says of itself, at the head of the page. */
export function showEngine(info: EngineInfo): void {
  const threads = plural(info.threads, "thread");
  find("#engine summary").textContent = `${info.kernels} kernels, ${threads}`;
  const build = isIsolated()
    ? ["shared memory, cross-origin isolated", ...toOtherBuild("; ", "the build on one thread")]
    : ["unshared memory, not cross-origin isolated", ...toOtherBuild("; ", "the build with threads")];
  const facts: [string, (Node | string)[]][] = [
    ["Kernels", [`${info.kernels}: ${info.kernelsReason}`]],
    ["Threads", [info.withoutWorkers === undefined ? threads : `1: ${info.withoutWorkers}`]],
    ["Build", build],
    ["Memory", [`${bytes(info.memory.used)} in use, at most ${bytes(info.memory.peak)} so far`]],
  ];
  find("#engine dl").replaceChildren(
    ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, ...text)]),
  );
}

function isIsolated(): boolean {
  return globalThis.crossOriginIsolated === true;
}

/** A link to the same settings in the other build, where the server runs both. */
function toOtherBuild(before: string, text: string): (Node | string)[] {
  const other = document.querySelector<HTMLMetaElement>('meta[name="other-build"]')?.content;
  if (!other) return [];
  const link = make("a", { href: other }, text);
  // The settings change until the link is followed.
  link.addEventListener("click", () => {
    link.href = other + location.hash;
  });
  return [before, link];
}
