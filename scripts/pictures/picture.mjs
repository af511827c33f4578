// What all pictures of the guides have in common: colours, fonts, the frame of a file.

/**
 * Middle tones that stand out on white and on black, as a picture has no ground of its own; they come nearer to either
 * where the theme is known.
 */
const style = `
text{font:11px -apple-system,BlinkMacSystemFont,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif;fill:#6e7781}
.code{font:600 12px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;fill:#656d76}
.name{font-size:10px}.middle{text-anchor:middle}.end{text-anchor:end}
rect{stroke-width:0}path{stroke-linejoin:round}.dot{stroke-linecap:round}
.on{fill:#3d85d9;stroke:#3d85d9}.plus{fill:#e07b2e;stroke:#e07b2e}.full{fill:#1f9e84;stroke:#1f9e84}
.off{stroke:#8b949e}.own{stroke:#fff}.line{stroke:#8b949e;fill:none}
@media(prefers-color-scheme:dark){
text{fill:#9198a1}.code{fill:#c3cad2}
.on{fill:#4d97ec;stroke:#4d97ec}.plus{fill:#ec8b40;stroke:#ec8b40}.full{fill:#2bb595;stroke:#2bb595}
.off{stroke:#7d8590}.line{stroke:#6e7681}
}
`.trim();

/** The first lines of a file; `</svg>` is the last. `extra`: rules that this kind of picture needs beside the common ones. */
export function openPicture({ title, description, width, height, extra = "" }) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeText(title)}</title>`,
    `<desc id="description">${escapeText(description)}</desc>`,
    `<style>${style}${extra}</style>`,
  ];
}

export function round(value) {
  return Math.round(value * 100) / 100;
}

export function escapeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
