import { find } from "../page/elements.ts";
import {
  type Complaint,
  choiceNames,
  numberNames,
  ranges,
  type SettingName,
  type Settings,
} from "./settings.ts";

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const names: readonly SettingName[] = ["text", "causal", ...choiceNames, ...numberNames];

/** The controls on the left: what they say as settings, and complaints beside them. */
export class SettingsForm {
  readonly #controls: ReadonlyMap<SettingName, Control>;
  readonly #complaints: ReadonlyMap<SettingName, HTMLElement>;

  constructor(form: HTMLFormElement, changed: () => void) {
    const controls = names.map((name) => [name, find<Control>(`#${name}`, form)] as const);
    this.#controls = new Map(controls);
    this.#complaints = new Map(controls.map(([name, control]) => [name, complaintFor(name, control)]));
    for (const name of numberNames) {
      const control = this.#controls.get(name);
      if (control instanceof HTMLInputElement)
        [control.min, control.max] = ranges[name].map(String) as [string, string];
    }
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  read(): Settings {
    const settings: Partial<Record<SettingName, string | number | boolean>> = {};
    for (const [name, control] of this.#controls) settings[name] = valueIn(control);
    for (const name of numberNames)
      settings[name] = settings[name] === "" ? Number.NaN : Number(settings[name]);
    return settings as unknown as Settings;
  }

  show(settings: Settings): void {
    for (const [name, control] of this.#controls) {
      if (control instanceof HTMLInputElement && control.type === "checkbox")
        control.checked = settings[name] === true;
      else control.value = String(settings[name]);
      // An address may come from a machine with more threads than this one.
      if (control instanceof HTMLSelectElement && control.selectedIndex < 0) control.selectedIndex = 0;
    }
  }

  /** Says what is wrong, each beside its control, and takes back what was said before. */
  complain(complaints: readonly Complaint[]): void {
    for (const [name, place] of this.#complaints) {
      const complaint = complaints.find(({ setting }) => setting === name);
      place.textContent = complaint?.message ?? "";
      place.hidden = complaint === undefined;
      const control = this.#controls.get(name)!;
      if (complaint === undefined) control.removeAttribute("aria-invalid");
      else control.setAttribute("aria-invalid", "true");
    }
  }

  /** What the field of a setting is called. */
  label(name: SettingName): string {
    return this.#controls.get(name)?.labels?.[0]?.textContent ?? name;
  }
}

function valueIn(control: Control): string | boolean {
  return control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value;
}

/** An empty paragraph below the control, which says what is wrong with it. */
function complaintFor(name: SettingName, control: Control): HTMLElement {
  const place = document.createElement("p");
  place.id = `${name}-complaint`;
  place.className = "complaint";
  place.hidden = true;
  control.setAttribute("aria-describedby", place.id);
  control.parentElement!.append(place);
  return place;
}
