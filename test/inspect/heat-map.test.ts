/** Heat maps as SVG: colours against D3's, places, texts, and the pixels of large maps. */

import { inflateSync } from "node:zlib";
import {
  interpolateBlues,
  interpolateCividis,
  interpolateGreys,
  interpolateMagma,
  interpolateViridis,
} from "d3-scale-chromatic";
import { decode } from "fast-png";
import { describe, expect, it, vi } from "vitest";
import { tensor } from "wasm-attention";
import { type SvgOptions, toSvg } from "wasm-attention/inspect";
import { colourAt, isLight, type Rgb, stopsOf } from "../../src/inspect/heat-map/colour-maps.ts";
import { encodePng, stored } from "../../src/inspect/heat-map/png.ts";
import { toPng } from "../../src/inspect/heat-map/to-png.ts";

const maps = {
  viridis: interpolateViridis,
  magma: interpolateMagma,
  cividis: interpolateCividis,
  blues: interpolateBlues,
  greys: interpolateGreys,
};

/** `#rrggbb` and `rgb(r, g, b)` in numbers. */
function rgb(text: string): number[] {
  const decimal = text
    .match(/^rgb\((\d+), (\d+), (\d+)\)$/)
    ?.slice(1)
    .map(Number);
  return decimal ?? [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
}

function expectNear(colour: ArrayLike<number>, expected: readonly number[], off = 3): void {
  for (let i = 0; i < 3; i++) expect(Math.abs(colour[i]! - expected[i]!)).toBeLessThanOrEqual(off);
}

/** What is drawn for each cell, in the order of rows. */
function cellsOf(svg: string) {
  const rects = [...svg.matchAll(/<rect ([^>]*)><title>([^<]*)<\/title><\/rect>/g)];
  return rects.map(([, attributes, said]) => {
    const read = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(attributes!)![1]!;
    const number = (name: string) => Number(read(name));
    const place = { x: number("x"), y: number("y"), width: number("width"), height: number("height") };
    return { ...place, fill: read("fill"), said: said! };
  });
}

function picturesOf(svg: string): Uint8Array[] {
  return [...svg.matchAll(/href="data:image\/png;base64,([^"]*)"/g)].map(([, data]) =>
    Buffer.from(data!, "base64"),
  );
}

/** The colour indices and palette of a PNG of indexed colours, read by the letter of its specification. */
function readPng(png: Uint8Array) {
  const view = new DataView(png.buffer, png.byteOffset);
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < png.length; ) {
    const length = view.getUint32(at);
    chunks.set(String.fromCharCode(...png.subarray(at + 4, at + 8)), png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const header = chunks.get("IHDR")!;
  const { getUint32 } = DataView.prototype;
  const [width, height] = [0, 4].map((at) =>
    getUint32.call(new DataView(header.buffer, header.byteOffset), at),
  ) as [number, number];
  expect([...header.subarray(8)]).toEqual([8, 3, 0, 0, 0]);
  const lines = inflateSync(chunks.get("IDAT")!);
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    expect(lines[row * (width + 1)]).toBe(0);
    pixels.set(lines.subarray(row * (width + 1) + 1, (row + 1) * (width + 1)), row * width);
  }
  return { width, height, pixels, palette: chunks.get("PLTE")!, transparency: chunks.get("tRNS")! };
}

const two = tensor([1, 0, 0.25, 0.75], [2, 2]);

describe("colours", () => {
  it.each(Object.entries(maps))("%s is that of D3", (name, expected) => {
    const stops = stopsOf(name as keyof typeof maps);
    for (let n = 0; n <= 255; n++) expectNear(colourAt(stops, n / 255), rgb(expected(n / 255)));
  });

  it("follow the weights, 0 the first and the largest the last", () => {
    const weights = [1, 0, 0.25, 0.75];
    cellsOf(toSvg(two)).forEach(
      ({ fill }, n) => void expectNear(rgb(fill), rgb(interpolateViridis(weights[n]!))),
    );
    const halves = tensor([0.5, 0.1, 0.4, 0.25], [2, 2]);
    const cells = cellsOf(toSvg(halves, { colors: "magma" }));
    cells.forEach(
      ({ fill }, n) => void expectNear(rgb(fill), rgb(interpolateMagma(halves.data[n]! / 0.5)), 4),
    );
  });

  it("follow logarithms, from a 10,000th of the largest at least", () => {
    const weights = [1, 0.1, 0.01, 0.001, 1e-4, 1e-9, 0];
    const shares = [1, 0.75, 0.5, 0.25, 0, 0, 0];
    const cells = cellsOf(toSvg(tensor(weights, [1, 7]), { scale: "log" }));
    cells.forEach(({ fill }, n) => void expectNear(rgb(fill), rgb(interpolateViridis(shares[n]!)), 4));
  });

  it("are those of a list, between the ends of a domain", () => {
    const options = { colors: ["#000000", "#ff8000"], domain: [0.2, 0.6] } as const;
    const fills = cellsOf(toSvg(tensor([0, 0.2, 0.4, 0.6, 0.9], [1, 5]), options)).map(({ fill }) =>
      rgb(fill),
    );
    [0, 0, 0.5, 1, 1].forEach((share, n) => void expectNear(fills[n]!, [255 * share, 128 * share, 0], 1));
  });

  it.each([
    ["all", [0.25, 0.5, 0.125, 0.125, 1, 0.5, 0.5, 0.25]],
    ["head", [0.5, 1, 0.25, 0.25, 1, 0.5, 0.5, 0.25]],
    ["row", [0.5, 1, 1, 1, 1, 0.5, 1, 0.5]],
  ] as const)("have a scale per %s", (per, shares) => {
    const weights = tensor([0.25, 0.5, 0.125, 0.125, 1, 0.5, 0.5, 0.25], [2, 2, 2]);
    const cells = cellsOf(toSvg(weights, { per, colors: ["#000000", "#ffffff"] }));
    cells.forEach(({ fill }, n) => void expectNear(rgb(fill), Array(3).fill(255 * shares[n]!), 1));
  });

  it("leave out what is no finite number", () => {
    const cells = cellsOf(toSvg(tensor([1, Number.NaN, -Infinity, 0.5], [2, 2]), { tokens: ["a", "b"] }));
    expect(cells.map(({ said }) => said)).toEqual(["a → a: 1", "b → b: 0.5"]);
    expect(cellsOf(toSvg(tensor([Number.NaN], [1, 1])))).toEqual([]);
  });

  it("have text upon them with a contrast of at least 4.5", () => {
    const luminance = (colour: Rgb) => {
      const [r, g, b] = colour.map((c) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    for (const name of Object.keys(maps))
      for (let n = 0; n <= 100; n++) {
        const colour = colourAt(stopsOf(name as keyof typeof maps), n / 100);
        const light = luminance(colour) + 0.05;
        expect(isLight(colour) ? light / 0.05 : 1.05 / light).toBeGreaterThan(4.5);
      }
  });
});

describe("places", () => {
  it("cells lie row by row, one beside the other, each as large as the next", () => {
    const cells = cellsOf(
      toSvg(tensor(new Float32Array(2 * 3).fill(1), [2, 3]), { cellSize: 20, values: false }),
    );
    const [first] = cells as [(typeof cells)[0]];
    cells.forEach((cell, n) => {
      expect([cell.x - first.x, cell.y - first.y]).toEqual([20 * (n % 3), 20 * Math.floor(n / 3)]);
      expect([cell.width, cell.height]).toEqual([19, 19]);
    });
  });

  it("heads stand in a grid, and everything within the picture", () => {
    const svg = toSvg(tensor(new Float32Array(5 * 4).fill(1), [5, 2, 2]), {
      columns: 2,
      heads: [..."vwxyz"],
      cellSize: 10,
    });
    const corners = cellsOf(svg).filter((_, n) => n % 4 === 0);
    const { x, y } = corners[0]!;
    expect(corners.map((corner) => corner.x > x)).toEqual([false, true, false, true, false]);
    expect(new Set(corners.map((corner) => corner.y)).size).toBe(3);
    expect(corners[4]!.y - y).toBe(2 * (corners[2]!.y - y));
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number);
    for (const [, left, top] of svg.matchAll(/ x="([\d.]+)" y="([\d.]+)"/g)) {
      expect(Number(left)).toBeLessThan(width!);
      expect(Number(top)).toBeLessThan(height!);
    }
    for (const name of "vwxyz") expect(svg).toContain(`>${name}</text>`);
  });

  it("heads fill rows where they can", () => {
    const columnsOf = (H: number) => {
      const svg = toSvg(tensor(new Float32Array(H).fill(1), [H, 1, 1]));
      return new Set(cellsOf(svg).map(({ x }) => x)).size;
    };
    expect([1, 2, 3, 4, 5, 8, 12, 16, 32].map(columnsOf)).toEqual([1, 2, 3, 2, 3, 4, 4, 4, 8]);
  });

  it("labels stand beside their rows and below their columns", () => {
    const svg = toSvg(two, { queryTokens: ["q0", "q1"], keyTokens: ["k0", "k1"], cellSize: 30 });
    const cells = cellsOf(svg);
    for (const n of [0, 1]) {
      const row = new RegExp(`<text x="([\\d.]+)" y="([\\d.]+)"[^>]*>q${n}<`).exec(svg)!.map(Number);
      expect(row[1]).toBeLessThan(cells[0]!.x);
      expect(row[2]).toBe(cells[2 * n]!.y + 15);
      const column = new RegExp(`translate\\(([\\d.]+) ([\\d.]+)\\)[^>]*>k${n}<`).exec(svg)!.map(Number);
      expect(column[1]).toBe(cells[n]!.x + 15);
      expect(column[2]).toBeGreaterThan(cells[2]!.y + 29);
    }
  });

  it("numbers stand for tokens where there is no room", () => {
    const tokens = Array.from({ length: 200 }, (_, n) => `token${n}`);
    const svg = toSvg(tensor(new Float32Array(200 * 200).fill(1), [200, 200]), { tokens });
    expect(svg).toMatch(/>180<\/text>/);
    expect(svg).not.toContain(">token7</text>");
    expect(toSvg(tensor(new Float32Array(3 * 200), [3, 200]), { queryTokens: ["a", "b", "c"] })).toContain(
      ">b</text>",
    );
  });
});

describe("texts", () => {
  it("are escaped, and hold nothing that XML does not", () => {
    const nasty = `<b a="1">&\u0000\u0007\u001b\ud800\uffff\n</b>`;
    const options: SvgOptions = {
      tokens: [nasty, "]]>"],
      title: nasty,
      description: nasty,
      axes: [nasty, nasty],
    };
    const svg = toSvg(tensor([1, 0, 0.25, 0.75, 1, 0, 0.25, 0.75], [2, 2, 2]), {
      ...options,
      heads: [nasty, "b"],
    });
    expect(svg).not.toContain("<b");
    expect(svg).not.toContain("]]>");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
    expect(svg).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/);
    expect(svg.match(/&(?!amp;|lt;|gt;|quot;)/)).toBeNull();
    // Every element that is opened is closed.
    const open: string[] = [];
    for (const [, end, name, self] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (end) expect(open.pop()).toBe(name);
      else if (!self) open.push(name!);
    }
    expect(open).toEqual([]);
  });

  it("tell screen readers what there is", () => {
    const svg = toSvg(two, { tokens: ["the", "cat"], title: "A head" });
    expect(svg).toMatch(/^<svg [^>]*role="img"[^>]*>\n<title>A head<\/title>\n<desc>/);
    expect(svg).toContain("Rows look: the most at the (1); cat most at cat (0.75).</desc>");
    expect(toSvg(two)).toContain("<title>Attention weights</title>");
    expect(toSvg(two, { description: "mine" })).toContain("<desc>mine</desc>");
  });

  it("show values where few cells are, and where they are asked for", () => {
    expect(toSvg(two)).toContain(">0.25</text>");
    expect(toSvg(two, { values: false })).not.toContain(">0.25</text>");
    const larger = tensor(new Float32Array(13 * 13).fill(1).with(5, 0.33), [13, 13]);
    expect(toSvg(larger)).not.toContain(">0.33</text>");
    expect(toSvg(larger, { values: true })).toContain(">0.33</text>");
  });

  it("take the reader's theme, or one", () => {
    expect(toSvg(two)).toContain("@media (prefers-color-scheme:dark)");
    for (const theme of ["light", "dark"] as const) expect(toSvg(two, { theme })).not.toContain("<style");
    expect(toSvg(two, { theme: "dark" })).toContain('fill="#0d1117"');
  });

  it("say what the scale is", () => {
    expect(toSvg(two)).toMatch(/>0<\/text><text [^>]*>0\.5<\/text><text [^>]*>1<\/text>/);
    expect(toSvg(two, { per: "row" })).toContain(">largest of the row</text>");
    expect(toSvg(tensor([1, 1e-6], [1, 2]), { scale: "log" })).toMatch(/>≤ 0\.0001<.*>0\.01<.*>1</);
    expect(toSvg(two, { legend: false, values: false })).not.toContain(">0.5</text>");
  });
});

describe("lists of any length", () => {
  const endless = new Array(2 ** 32 - 1);

  it.each([
    [{ tokens: endless }, '"tokens" expected L=2 strings, got 4294967295'],
    [{ axes: endless }, '"axes" expected 2 strings, got 4294967295'],
    [{ colors: endless }, '"colors" expected colours like "#1f77b4", got undefined'],
  ])("are refused before they are gone through: %#", (options, message) => {
    expect(() => toSvg(tensor([1, 0, 0, 1], [2, 2]), options as SvgOptions)).toThrow(message);
  });
});

describe("many cells", () => {
  const size = 512;
  const weights = Float32Array.from({ length: size * size }, (_, n) =>
    n % size > n / size ? Number.NaN : ((n * 7919) % 1009) / 1008,
  );

  it("are pixels, whose colours are those of the weights", () => {
    const svg = toSvg(tensor(weights, [size, size]));
    expect(svg.length).toBeLessThan(400_000);
    expect(svg.match(/<rect/g)!.length).toBeLessThan(100);
    const [png] = picturesOf(svg) as [Uint8Array];
    const { width, height, pixels, palette, transparency } = readPng(png);
    expect([width, height, ...transparency]).toEqual([size, size, 0]);
    for (let n = 0; n < size * size; n += 97) {
      const index = pixels[n]!;
      if (Number.isNaN(weights[n])) expect(index).toBe(0);
      else expectNear(palette.subarray(3 * index, 3 * index + 3), rgb(interpolateViridis(weights[n]!)), 5);
    }
  });

  it("have several pixels each where they are large", () => {
    const data = Float32Array.from({ length: 40 * 40 }, (_, n) => (n % 41) / 40);
    const { width, pixels } = readPng(picturesOf(toSvg(tensor(data, [40, 40])))[0]!);
    expect(width).toBe(320);
    pixels.forEach((index, at) => {
      const weight = data[40 * Math.floor(at / width / 8) + Math.floor((at % width) / 8)]!;
      if (Math.abs(index - 1 - 254 * weight) > 0.501) expect.fail(`pixel ${at} is ${index}`);
    });
  });

  it("are stored, one pixel each, where there is no zlib", () => {
    const data = Float32Array.from({ length: 40 * 40 }, (_, n) => (n % 41) / 40);
    const draw = () => readPng(picturesOf(toSvg(tensor(data, [40, 40])))[0]!);
    const usual = draw();
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    const plain = draw();
    vi.restoreAllMocks();
    expect(plain.width).toBe(40);
    expect(plain.pixels).toEqual(
      usual.pixels.filter((_, at) => at % 8 === 0 && Math.floor(at / 320) % 8 === 0),
    );
  });

  it("one picture for each head, where its cells would be", () => {
    const svg = toSvg(tensor(new Float32Array(3 * 40 * 40), [3, 40, 40]), { cellSize: 3 });
    const places = [...svg.matchAll(/<image x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)];
    expect(places.map(([, , , width, height]) => [width, height])).toEqual(Array(3).fill(["120", "120"]));
    expect(new Set(places.map(([, x]) => x)).size).toBe(3);
  });

  it("PNG files: heads side by side, nothing between them, read by another decoder alike", () => {
    const png = toPng(tensor([1, 0, 0.5, Number.NaN, 0, 1, 1, 1], [2, 2, 2]), { cellSize: 3 });
    const mine = readPng(png);
    const theirs = decode(png, { checkCrc: true });
    expect([theirs.width, theirs.height, theirs.channels, theirs.depth]).toEqual([20, 6, 1, 8]);
    expect([...theirs.data]).toEqual([...mine.pixels]);
    expect(theirs.palette!.flatMap((colour) => colour.slice(0, 3))).toEqual([...mine.palette]);
    const at = (x: number, y: number) => mine.pixels[y * 20 + x];
    expect([at(0, 0), at(3, 2), at(0, 3), at(5, 5), at(6, 0), at(13, 5), at(14, 0), at(19, 5)]).toEqual([
      255, 1, 128, 0, 0, 0, 1, 255,
    ]);
  });

  it("are stored where nothing compresses them", () => {
    for (const length of [0, 1, 65535, 65536, 200_000]) {
      const bytes = Uint8Array.from({ length }, (_, n) => (n * n) % 251);
      expect(inflateSync(stored(bytes)).equals(bytes)).toBe(true);
    }
    expect(
      decode(
        encodePng({
          width: 1,
          height: 1,
          pixels: Uint8Array.of(1),
          palette: [
            [0, 0, 0],
            [7, 8, 9],
          ],
        }),
      ).data[0],
    ).toBe(1);
  });
});
