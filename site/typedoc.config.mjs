// The reference: one page for each name that the package's entry points export, from the comments in src/.
import fs from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const { exports: subpaths } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const sources = Object.values(subpaths)
  .filter((target) => target.types !== undefined)
  .map((target) => target.types.replace("./dist/", "src/").replace(".d.ts", ".ts"));

/** @type {Partial<import("typedoc").TypeDocOptions & import("typedoc-plugin-markdown").PluginOptions>} */
export default {
  plugin: ["typedoc-plugin-markdown", "typedoc-vitepress-theme", "./name-modules.mjs"],
  name: "Reference",
  entryPoints: sources.map((file) => path.join(root, file)),
  tsconfig: path.join(root, "tsconfig.json"),
  // The site's TypeScript is older than the one that checks the sources.
  skipErrorChecking: true,
  out: "generated/reference",
  docsRoot: "generated",
  readme: "none",
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  githubPages: false,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  expandParameters: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  classPropertiesFormat: "table",
  typeDeclarationFormat: "table",
  indexFormat: "table",
  tableColumnSettings: { hideModifiers: true, hideInherited: true, hideOverrides: true, hideSources: true },
  textContentMappings: { "title.memberPage": "{name}", "title.modulePage": "{name}" },
  // Parts of public types, spelled out where these are described.
  intentionallyNotExported: [
    "CallOptions",
    "FloatTensor",
    "LinearAttentionTerms",
    "StatisticsOf",
    "kernelPieces",
  ],
  treatWarningsAsErrors: true,
  sidebar: { autoConfiguration: true, format: "vitepress", pretty: true, collapsed: true },
};
