/**
 * Checkpoints in the safetensors format: read whole or a tensor at a time, from one file or several, and written.
 *
 * @module
 */
export { readSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from "./header.ts";
export { openSafetensors, type SafetensorsFile } from "./open.ts";
export { readSafetensors, readSafetensorsEntry, type SafetensorsTensor } from "./read.ts";
export { type SafetensorsWriteOptions, writeSafetensors, writeSafetensorsFile } from "./write.ts";
