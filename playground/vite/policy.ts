// The policy of the built page: its own scripts, WebAssembly, and the viewer's script, known by its hash.
import type { Plugin } from "vite";
import { tensor } from "wasm-attention";
import { toHtml } from "wasm-attention/inspect";

/** Writes the policy into the page as it is built. The development server puts scripts of its own into the page. */
export function pagePolicy(): Plugin {
  return {
    name: "page-policy",
    apply: "build",
    async transformIndexHtml() {
      const content = await policy();
      return [
        {
          tag: "meta",
          injectTo: "head-prepend",
          attrs: { "http-equiv": "Content-Security-Policy", content },
        },
      ];
    },
  };
}

async function policy(): Promise<string> {
  const viewer = await viewerHashes();
  return [
    "default-src 'none'",
    // Modules of WebAssembly are compiled from bytes; nothing is evaluated as JavaScript.
    `script-src 'self' 'wasm-unsafe-eval' ${viewer.script}`,
    "worker-src 'self'",
    // Bars have their length in a style attribute of their own; the viewer is a frame that inherits this policy.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** A frame has its parent's policy beside its own. So what the viewer's page allows itself is allowed here. */
async function viewerHashes(): Promise<{ script: string }> {
  const page = await toHtml({ weights: tensor([1], [1, 1]) });
  const script = /script-src ('sha256-[^']+')/.exec(page)?.[1];
  if (script === undefined) throw new Error("the viewer's page does not say which script it runs");
  return { script };
}
