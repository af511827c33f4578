import type { AttentionSize } from "../../../src/cli/measure/baselines.ts";
import { attentionFlops } from "../../../src/cli/measure/measure.ts";
import { figure, plural, time } from "../../../src/cli/terminal/format.ts";
import { bar, find, make } from "../page/elements.ts";
import type { Order, Report, Row } from "./messages.ts";
import { readShape, shapes } from "./shapes.ts";

const own = "own";

/** The speed of the kernels beside that of JavaScript, measured when asked for. */
export class SpeedPanel {
  readonly #shape: HTMLSelectElement = find("#shape");
  readonly #ownShape: HTMLInputElement = find("#own-shape");
  readonly #causal: HTMLInputElement = find("#shape-causal");
  readonly #measure: HTMLButtonElement = find("#speed-form button[type=submit]");
  readonly #cancel: HTMLButtonElement = find("#speed-cancel");
  readonly #complaint: HTMLElement = find("#shape-complaint");
  readonly #progress: HTMLElement = find("#speed-progress");
  readonly #status: HTMLElement = find("#speed-status");
  readonly #rows: HTMLElement = find("#speed-table tbody");
  #worker: Worker | undefined;

  constructor() {
    for (const { shape, name } of shapes) this.#shape.add(new Option(name, shape));
    this.#shape.add(new Option("your own", own));
    this.#shape.addEventListener("input", () => {
      find("#own-shape-field").toggleAttribute("hidden", this.#shape.value !== own);
    });
    find("#speed-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    this.#cancel.addEventListener("click", () => this.#end("Cancelled."));
  }

  #begin(): void {
    const size = this.#readSize();
    if (size === undefined) return;
    this.#worker?.terminate();
    // A worker of its own for each run: engines and memory go with it.
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "speed" });
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<Report>) => this.#hear(data, size));
    worker.addEventListener("error", ({ message }) =>
      this.#end(`Not measured: ${message || "the worker that measures cannot be loaded"}.`),
    );
    const threads = globalThis.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
    worker.postMessage({ size, threads } satisfies Order);
    this.#running(true);
    this.#rows.replaceChildren();
    this.#status.textContent = "Measuring…";
  }

  #readSize(): AttentionSize | undefined {
    const isOwn = this.#shape.value === own;
    let complaint = "";
    let size: AttentionSize | undefined;
    try {
      size = readShape(isOwn ? this.#ownShape.value : this.#shape.value, this.#causal.checked);
    } catch (error) {
      complaint = `${(error as Error).message}.`;
    }
    this.#complaint.textContent = complaint;
    this.#complaint.hidden = complaint === "";
    return size;
  }

  #hear(report: Report, size: AttentionSize): void {
    if (report.kind === "progress") {
      find<HTMLProgressElement>("progress", this.#progress).value = report.done;
      find("span", this.#progress).textContent = report.doing;
    } else if (report.kind === "rows") this.#show(report.rows, attentionFlops(size));
    else if (report.kind === "failure") this.#end(`Not measured: ${report.message}.`);
    else this.#end(describe(size, report.error));
  }

  #show(rows: readonly Row[], operations: number): void {
    const speeds = rows.map(({ milliseconds }) =>
      milliseconds ? operations / milliseconds / 1e6 : undefined,
    );
    const fastest = Math.max(...speeds.map((speed) => speed ?? 0));
    const tuned = rows.find(({ name }) => name.startsWith("tuned"))?.milliseconds;
    find("#speed .scroll").toggleAttribute("hidden", false);
    this.#rows.replaceChildren(
      ...rows.map((row, n) => rowOf(row, speeds[n], (speeds[n] ?? 0) / fastest, tuned)),
    );
  }

  #end(status: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#running(false);
    this.#status.textContent = status;
  }

  #running(running: boolean): void {
    this.#progress.hidden = this.#cancel.hidden = !running;
    this.#measure.disabled = running;
    // Who began it with the keyboard can end it with the keyboard.
    if (running) this.#cancel.focus();
    else if (document.activeElement === document.body) this.#measure.focus({ preventScroll: true });
    find<HTMLProgressElement>("progress", this.#progress).removeAttribute("value");
  }
}

function rowOf(row: Row, speed: number | undefined, share: number, tuned: number | undefined): HTMLElement {
  const who = make("th", { scope: "row" }, row.name, make("small", {}, row.note));
  if (row.milliseconds === undefined || speed === undefined)
    return make("tr", {}, who, make("td", { colSpan: 3, className: "complaint" }, row.wrong ?? ""));
  const ratio = tuned === undefined ? "" : figure(tuned / row.milliseconds);
  return make(
    "tr",
    { className: row.name.includes("kernels") ? "ours" : "" },
    who,
    make("td", { className: "number" }, time(row.milliseconds)),
    make(
      "td",
      {},
      make(
        "span",
        { className: "with-bar" },
        bar(share),
        make("span", { className: "bar-figure" }, figure(speed)),
      ),
    ),
    make("td", { className: "number" }, ratio),
  );
}

function describe({ H, K, L, S, E, causal }: AttentionSize, error: number): string {
  const heads = H === K ? plural(H, "head") : `${H}/${K} heads`;
  const tokens = L === S ? plural(L, "token") : `${L}/${S} tokens`;
  const threads = globalThis.crossOriginIsolated ? "" : " More threads need the isolated build.";
  return (
    `${heads} × ${tokens} × ${E}${causal ? ", causal" : ""}: medians of 5 rounds, all results checked first ` +
    `(largest error against float64 ${error.toExponential(1)}).${threads}`
  );
}
