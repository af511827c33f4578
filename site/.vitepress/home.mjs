// What stands above docs/index.md on the site, in place of its title and first paragraph (theme/style.css). It is no front matter, which the repository's view would show as a table.
export const home = {
  layout: "home",
  hero: {
    name: "wasm-attention",
    text: "Attention for Node and browsers",
    tagline:
      "Scaled dot-product and multi-head attention as WebAssembly SIMD kernels: typed arrays in, typed arrays out. No native addon, no model file, no dependency.",
    actions: [
      { theme: "brand", text: "Start in a minute", link: "/start" },
      { theme: "alt", text: "Attention explained", link: "/attention" },
    ],
  },
};

/** A causal head, as small as it gets. */
const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 30"><g fill="#3d85d9"><path d="M1 1h8v8H1zM1 11h8v8H1zM1 21h8v8H1zM11 11h8v8h-8zM11 21h8v8h-8zM21 21h8v8h-8z"/></g></svg>`;
export const icon = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
