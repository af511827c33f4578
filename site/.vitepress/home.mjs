// What stands above docs/index.md on the site. It is no front matter, which the repository's view would show as a table.
export const home = {
  layout: "home",
  hero: {
    name: "wasm-attention",
    text: "Attention for Node and browsers",
    tagline:
      "WebAssembly SIMD kernels under a small typed API. No native addon, no model file, no dependency.",
    actions: [
      { theme: "brand", text: "Start in a minute", link: "/start" },
      { theme: "alt", text: "Attention explained", link: "/attention" },
    ],
  },
};
