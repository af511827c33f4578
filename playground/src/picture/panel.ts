import { find, make, save } from "../page/elements.ts";

/** The viewer: a page of its own in a frame, which may run its script and nothing else. */
export class PicturePanel {
  readonly #place: HTMLElement = find("#viewer");
  readonly #open: HTMLButtonElement = find("#open-viewer");
  readonly #save: HTMLButtonElement = find("#save-viewer");
  #html = "";
  #awaited = false;

  constructor() {
    this.#open.addEventListener("click", () => this.#openTab());
    this.#save.addEventListener("click", () => save("attention.html", "text/html", this.#html));
  }

  /** Another page is on its way, or none is. */
  expect(another: boolean): void {
    this.#awaited = another;
    this.#place.ariaBusy = String(another);
  }

  /** Shows another page. The one before stays until it is there, so that nothing flashes. */
  show(html: string): void {
    this.#html = html;
    this.#awaited = false;
    this.#open.disabled = this.#save.disabled = false;
    const frame = make("iframe", { title: "Attention weights, every head of every layer", srcdoc: html });
    frame.sandbox.add("allow-scripts");
    frame.className = "arriving";
    frame.addEventListener("load", () => {
      // A later one may have come meanwhile.
      if (frame.nextElementSibling !== null) return frame.remove();
      while (frame.previousElementSibling !== null) frame.previousElementSibling.remove();
      frame.className = "";
      this.#place.ariaBusy = String(this.#awaited);
    });
    this.#place.append(frame);
  }

  #openTab(): void {
    const address = URL.createObjectURL(new Blob([this.#html], { type: "text/html" }));
    window.open(address, "_blank", "noopener");
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}
