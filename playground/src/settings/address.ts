/** Settings in the part of the address that no server sees, after the #. */
import {
  type ChoiceName,
  choiceNames,
  choices,
  defaults,
  numberNames,
  type SettingName,
  type Settings,
} from "./settings.ts";

/** What differs from the defaults, and the heads that are off: `heads=8&causal=true&off=0.2`. */
export function toAddress(settings: Settings, off: readonly string[]): string {
  const parameters = new URLSearchParams();
  for (const name of Object.keys(defaults) as SettingName[])
    if (settings[name] !== defaults[name]) parameters.set(name, String(settings[name]));
  if (off.length > 0) parameters.set("off", off.join(","));
  return parameters.toString();
}

/** The settings of an address. What is unknown there, or no such value, is passed over; numbers out of range are kept. */
export function fromAddress(hash: string): Settings {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const settings: Record<SettingName, string | number | boolean> = { ...defaults };
  const text = parameters.get("text");
  if (text !== null) settings.text = text;
  if (parameters.has("causal")) settings.causal = parameters.get("causal") === "true";
  for (const name of choiceNames) {
    const value = parameters.get(name);
    if (value !== null && isChoice(name, value)) settings[name] = value;
  }
  for (const name of numberNames) {
    const value = parameters.get(name);
    if (value !== null && /^\d{1,15}$/.test(value)) settings[name] = Number(value);
  }
  return settings as unknown as Settings;
}

/** The heads that are off, `layer.head` counted from 0. */
export function offFromAddress(hash: string): string[] {
  const names = new URLSearchParams(hash.replace(/^#/, "")).get("off")?.split(",") ?? [];
  return names.filter((name) => /^\d{1,2}\.\d{1,2}$/.test(name));
}

function isChoice(name: ChoiceName, value: string): boolean {
  return (choices[name] as readonly string[]).includes(value);
}
