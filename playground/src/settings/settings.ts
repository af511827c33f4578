/** What is computed: everything that a visitor may choose. An address carries what differs from the defaults. */

export const tokenUnits = ["words", "characters", "subwords"] as const;
export const projectionKinds = ["seeded", "none"] as const;
export const positionKinds = ["none", "sinusoidal", "learned", "rotary", "alibi"] as const;
export const kernelChoices = ["auto", "strict", "relaxed"] as const;

export interface Settings {
  readonly text: string;
  readonly tokens: (typeof tokenUnits)[number];
  /** Longer texts are cut after so many tokens. */
  readonly maxTokens: number;
  readonly heads: number;
  readonly embedDim: number;
  readonly layers: number;
  /** Seeded random weights, or query = key = value = the embedded text. */
  readonly projections: (typeof projectionKinds)[number];
  readonly seed: number;
  readonly positions: (typeof positionKinds)[number];
  readonly causal: boolean;
  /** Tokens that one sees before itself and, unless causal, after; 0 = all. */
  readonly window: number;
  readonly kernels: (typeof kernelChoices)[number];
  /** Threads that compute; 0 = as many as the machine has, at most 8. */
  readonly threads: number;
}

export const defaults: Settings = {
  // Words come back, so that there is something to look for.
  text: "The dog chased the cat, the cat chased the mouse, and the mouse ran from the dog.",
  tokens: "words",
  maxTokens: 128,
  heads: 4,
  embedDim: 64,
  layers: 2,
  // Alike words find one another at once; random projections make all weights much alike.
  projections: "none",
  seed: 0,
  positions: "sinusoidal",
  causal: false,
  window: 0,
  kernels: "auto",
  threads: 0,
};

export type SettingName = keyof Settings;

/** Settings that are one of a list. */
export const choices = {
  tokens: tokenUnits,
  projections: projectionKinds,
  positions: positionKinds,
  kernels: kernelChoices,
} as const;

/** Settings that are whole numbers, and how far they go: what a page can show, not what the package can compute. */
export const ranges = {
  maxTokens: [1, 512],
  heads: [1, 64],
  embedDim: [1, 2048],
  layers: [1, 12],
  seed: [0, 2 ** 32 - 32],
  window: [0, 512],
  threads: [0, 64],
} as const satisfies Partial<Record<SettingName, readonly [least: number, most: number]>>;

export type ChoiceName = keyof typeof choices;
export type NumberName = keyof typeof ranges;

export const choiceNames = Object.keys(choices) as ChoiceName[];
export const numberNames = Object.keys(ranges) as NumberName[];

/** A setting that cannot be computed with, and why, in words for the place beside it. */
export interface Complaint {
  readonly setting: SettingName;
  readonly message: string;
}

/** All weights of all layers have to fit into a page, and into the JSON that it saves. */
const mostWeights = 2 ** 23;

/** What the page itself cannot do. What does not go together otherwise the package says. */
export function complaintsOf(settings: Settings): Complaint[] {
  const complaints: Complaint[] = [];
  if (settings.text.trim() === "")
    complaints.push({ setting: "text", message: "There is no text: nothing to attend to." });
  for (const name of numberNames) {
    const [least, most] = ranges[name];
    const value = settings[name];
    if (!Number.isInteger(value) || value < least || value > most)
      complaints.push({ setting: name, message: `Expected a whole number from ${least} to ${most}.` });
  }
  if (complaints.length > 0) return complaints;
  // With projections it is the layer that says so.
  if (settings.projections === "none" && settings.embedDim % settings.heads !== 0)
    complaints.push({
      setting: "heads",
      message: `Expected a divisor of ${settings.embedDim}, the embedding size.`,
    });
  const weights = settings.layers * settings.heads * settings.maxTokens ** 2;
  if (weights > mostWeights)
    complaints.push({
      setting: "maxTokens",
      message: `${settings.layers} × ${settings.heads} heads over ${settings.maxTokens} tokens are too many weights for a page: fewer tokens, heads or layers.`,
    });
  return complaints;
}
