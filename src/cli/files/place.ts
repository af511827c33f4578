/** Where a tensor is in a file: `q.npy`, or `model.safetensors:NAME`. */
export interface Place {
  readonly file: string;
  readonly format: "npy" | "safetensors";
  /** Which tensor of a safetensors file. */
  readonly name: string | undefined;
}

/** What does not end in .safetensors is taken for an .npy file: what it is, its first bytes say. */
export function placeOf(text: string): Place {
  const [, file, name] = /^(.+?\.safetensors)(?::(.*))?$/is.exec(text) ?? [];
  if (file === undefined) return { file: text, format: "npy", name: undefined };
  return { file, format: "safetensors", name: name === "" ? undefined : name };
}
