import type { Complaint, SettingName } from "../settings/settings.ts";
import type { Failure } from "./messages.ts";

/** The control that an argument of the package comes from. Its errors begin with the argument's name. */
const settingOf: Readonly<Record<string, SettingName>> = {
  embedDim: "embedDim",
  numEmbeddings: "text",
  numHeads: "heads",
  heads: "heads",
  "rotary.dim": "positions",
  dim: "positions",
  seed: "seed",
  kernels: "kernels",
  threads: "threads",
  window: "window",
};

/** A refusal of the package as a complaint about the setting that caused it; undefined where no single one did. */
export function complaintAbout({ message, code }: Failure): Complaint | undefined {
  const argument = /^"([^"]+)"/.exec(message)?.[1];
  const setting = code === "ERR_MEMORY" ? "maxTokens" : settingOf[argument ?? ""];
  return setting && { setting, message: `${message}.` };
}
