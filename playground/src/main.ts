import { plural, time } from "../../src/cli/terminal/format.ts";
import { Attention } from "./attend/client.ts";
import { complaintAbout } from "./attend/complaint.ts";
import type { Failure, Result } from "./attend/messages.ts";
import { HeadsPanel } from "./heads/panel.ts";
import { showCommand } from "./page/command.ts";
import { find, save } from "./page/elements.ts";
import { offerThreads, showEngine } from "./page/engine.ts";
import { PicturePanel } from "./picture/panel.ts";
import { fromAddress, offFromAddress, toAddress } from "./settings/address.ts";
import { SettingsForm } from "./settings/form.ts";
import { complaintsOf, defaults, type Settings } from "./settings/settings.ts";
import { SpeedPanel } from "./speed/panel.ts";

/** Milliseconds without another change, after which a change is computed. */
const patience = 120;

const form = find<HTMLFormElement>("#settings");
const status = find<HTMLElement>("#status");
const result = find<HTMLElement>("#result");
const saveNumbers = find<HTMLButtonElement>("#save-numbers");

const settings = new SettingsForm(form, () => computeSoon());
const heads = new HeadsPanel(offFromAddress(location.hash), () => computeSoon(0));
const picture = new PicturePanel();
const attention = new Attention({
  result: showResult,
  picture: (html) => picture.show(html),
  failure: showFailure,
});
new SpeedPanel();

/** What the last computation was asked for. */
let asked: Settings = defaults;
let timer: ReturnType<typeof setTimeout> | undefined;

offerThreads();
settings.show(fromAddress(location.hash));
compute();

form.addEventListener("reset", (event) => {
  event.preventDefault();
  heads.turnOff([]);
  settings.show(defaults);
  compute();
});
addEventListener("hashchange", () => {
  if (location.hash.slice(1) === toAddress(settings.read(), heads.off)) return;
  settings.show(fromAddress(location.hash));
  heads.turnOff(offFromAddress(location.hash));
  compute();
});
find("#copy-link").addEventListener("click", async () => {
  const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
  find("#copied").textContent = await copied.then(
    () => "Copied.",
    () => "Not allowed here: the address has it all.",
  );
});
saveNumbers.addEventListener("click", async () => {
  save("attention.json", "application/json", await attention.numbers());
});

function computeSoon(delay: number = patience): void {
  clearTimeout(timer);
  timer = setTimeout(compute, delay);
}

function compute(): void {
  clearTimeout(timer);
  const chosen = settings.read();
  writeAddress(toAddress(chosen, heads.off));
  find("#copied").textContent = "";
  const complaints = complaintsOf(chosen);
  settings.complain(complaints);
  if (complaints.length > 0) {
    attention.giveUp();
    showRefusal(complaints.map(({ setting }) => settings.label(setting)));
    return;
  }
  result.ariaBusy = "true";
  picture.expect(true);
  showCommand(chosen);
  asked = chosen;
  attention.compute(chosen, heads.kept(chosen.layers, chosen.heads));
}

function writeAddress(address: string): void {
  try {
    history.replaceState(undefined, "", `#${address}`);
  } catch {
    // Safari takes so many changes in half a minute and no more. The next one brings this one along.
  }
}

function showResult(found: Result): void {
  result.ariaBusy = "false";
  result.classList.remove("stale");
  saveNumbers.disabled = false;
  status.textContent = describe(found, asked);
  showEngine(found.engine);
  heads.show(found);
}

function describe({ tokens, total, distinct, headSize, milliseconds }: Result, chosen: Settings): string {
  const cut = total > tokens.length ? ` (the first of ${total})` : "";
  return (
    `${plural(tokens.length, "token")}${cut}, ${distinct} different, through ${plural(chosen.layers, "layer")} ` +
    `of ${plural(chosen.heads, "head")} of ${headSize} in ${time(milliseconds)}.`
  );
}

function showFailure(failure: Failure): void {
  const complaint = complaintAbout(failure);
  if (complaint === undefined) {
    showProblem(`Not computed: ${failure.message}.`);
    return;
  }
  settings.complain([complaint]);
  showRefusal([settings.label(complaint.setting)]);
}

function showRefusal(fields: readonly string[]): void {
  showProblem(`Not computed: see ${fields.join(", ")}.`);
}

/** What is shown stays, and looks it. */
function showProblem(text: string): void {
  result.ariaBusy = "false";
  picture.expect(false);
  result.classList.add("stale");
  status.textContent = text;
}
