import { basics } from "./cases/basics.mjs";
import { heads } from "./cases/heads.mjs";
import { numbers } from "./cases/numbers.mjs";
import { refusals } from "./cases/refusals.mjs";
import { speed } from "./cases/speed.mjs";
import { viewer } from "./cases/viewer.mjs";

/**
 * @typedef {object} Case
 * @property {string} name in words
 * @property {(place: { page: import("playwright-core").Page, context: import("playwright-core").BrowserContext,
 *   build: import("./builds.mjs").Build }) => Promise<string | undefined>} run throws where something is wrong
 * @property {boolean} [everywhere] with the development server, too
 * @property {boolean} [served] with the development server alone, where modules are files of their own
 * @property {{ width: number, height: number }} [size] of the window
 */

/** @type {readonly Case[]} */
export const cases = [...basics, ...numbers, ...heads, ...refusals, ...viewer, ...speed];
