// The program, in a page: leaves its result where the test looks for it.
import { check } from "./program.mjs";

globalThis.checked = check().catch((error) => ({ error: String(error?.stack ?? error) }));
