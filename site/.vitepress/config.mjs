import path from "node:path";
import GithubSlugger from "github-slugger";
import { home, icon } from "./home.mjs";
import { repositoryLinks } from "./links.mjs";
import { excluded, pageOf, root } from "./pages.mjs";
import { sidebar } from "./sidebar.mjs";

const here = path.join(import.meta.dirname, "..");

/** Pages become components that import Vue. Most lie where Node would not find it, but the server's bundle is here. */
const vueFromHere = {
  name: "vue-from-here",
  enforce: "pre",
  resolveId: (id, _, { ssr }) => (ssr && /^vue(\/|$)/.test(id) ? { id, external: true } : null),
};

export default {
  title: "wasm-attention",
  description: "Attention for Node and browsers: WebAssembly SIMD kernels under a small typed API",
  head: [["link", { rel: "icon", type: "image/svg+xml", href: icon }]],
  srcDir: root,
  srcExclude: excluded(),
  rewrites: (file) => pageOf(file) ?? file,
  outDir: path.join(here, "dist"),
  cacheDir: path.join(here, "build"),
  cleanUrls: true,
  transformPageData: (page) => {
    if (page.relativePath === "index.md") Object.assign(page.frontmatter, home);
  },
  markdown: {
    // Anchors are the same here and in the repository's own view.
    anchor: { slugify: (text) => new GithubSlugger().slug(text) },
    config: (md) => md.use(repositoryLinks),
  },
  themeConfig: {
    nav: [
      { text: "Start", link: "/start" },
      { text: "Attention explained", link: "/attention" },
      { text: "Performance", link: "/performance" },
      { text: "Reference", link: "/reference/" },
    ],
    sidebar: sidebar(),
    outline: { level: [2, 3] },
    search: { provider: "local" },
    docFooter: { prev: "Before", next: "Next" },
  },
  vite: {
    plugins: [vueFromHere],
    server: { watch: { ignored: ["**/build/**", "**/dist/**", "**/.nodes/**"] } },
  },
};
