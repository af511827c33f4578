import { choice, wholeOr } from "./option.ts";

/** Which engine computes, in every command that computes. */
export const engineOptions = {
  kernels: choice(
    "SET",
    ["auto", "strict", "relaxed", "wide"],
    "auto (default), strict, relaxed or wide",
    undefined,
  ),
  threads: wholeOr("auto", 0, 64, "how many threads compute, or auto (default)"),
};
