// The program, as a command.
import { check } from "./program.mjs";

console.log(JSON.stringify(await check()));
