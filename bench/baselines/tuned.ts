/** What an expert would write in plain JavaScript; how each choice was measured is in bench/NOTES.md. */
export { attention } from "./tuned-attention.ts";
export { matmul } from "./tuned-matmul.ts";
export { softmax } from "./tuned-softmax.ts";
