// Entropy by row and over heads, mass by distance, mass by key.
import { make } from "./dom.ts";
import type { Model } from "./model.ts";
import { figure, percent, weightText } from "./numbers.ts";
import { type Area, Plot } from "./plot.ts";
import type { Store } from "./store.ts";

export function plots(model: Model, store: Store, open: (layer: number, head: number) => void): HTMLElement {
  const all = [
    entropyByRow(model, store),
    massByKey(model, store),
    massByDistance(store),
    entropyOfHeads(model, store, open),
  ];
  return make(
    "section",
    { id: "plots", "aria-labelledby": "plots-title" },
    make("h2", { id: "plots-title" }, "Plots"),
    make("div", { class: "figures" }, ...all.map(({ element }) => element)),
  );
}

function entropyByRow(model: Model, store: Store): Plot {
  const { L, S } = model.data;
  const plot = new Plot("entropy-by-row", "Entropy by query", draw);
  store.on(["opened"], draw);
  store.on(["cell", "hover"], () => plot.mark(store.row));
  plot.follow((place) => store.set({ hover: placeIn(place, L, (row) => ({ row })) }));
  return plot;

  function draw(): void {
    const { entropy } = store.state.opened.record;
    const known = entropy.filter((value) => !Number.isNaN(value));
    const largest = known.reduce((most, value) => Math.max(most, value), 0);
    const least = known.reduce((least, value) => Math.min(least, value), largest);
    const mean = store.state.opened.facts.entropy;
    const alike = `${figure(Math.log(S))} would be all ${S} keys alike.`;
    const summary =
      known.length === 0
        ? `All NaN; ${alike}`
        : `From ${figure(least)} to ${figure(largest)} nats, ${mean === null ? `${L - known.length} of ${L} queries NaN` : `mean ${figure(mean)}`}; ${alike}`;
    const drawn = plot.clear(
      { x: [-0.5, L - 0.5], y: [0, Math.max(largest, 0.1)] },
      { x: "query", y: "nats" },
      summary,
    );
    steps(drawn, entropy);
    plot.mark(store.row);
  }
}

function massByKey(model: Model, store: Store): Plot {
  const { S } = model.data;
  const plot = new Plot("mass-by-key", "Weight received by key", draw);
  store.on(["opened"], draw);
  store.on(["cell", "hover"], () => plot.mark(store.shown.key));
  plot.follow((place) =>
    store.set({ hover: placeIn(place, S, (key) => ({ row: store.state.cell.row, key })) }),
  );
  return plot;

  function draw(): void {
    const { keyMass } = store.state.opened.record;
    const known = keyMass.filter((mass) => !Number.isNaN(mass));
    const largest = known.reduce((most, mass) => Math.max(most, mass), 0);
    const most =
      largest > 0
        ? `The most, ${weightText(largest)}, goes to ${model.keys.full(keyMass.indexOf(largest))}.`
        : "";
    const nan = known.length < S ? `${known.length === 0 ? "All" : S - known.length} NaN.` : "";
    const summary = ["Summed over all queries.", most, nan].filter(Boolean).join(" ");
    steps(
      plot.clear({ x: [-0.5, S - 0.5], y: [0, largest || 1] }, { x: "key", y: "weight" }, summary),
      keyMass,
    );
    plot.mark(store.shown.key);
  }
}

function massByDistance(store: Store): Plot {
  const plot = new Plot("mass-by-distance", "Weight by distance", draw);
  store.on(["opened"], draw);
  return plot;

  function draw(): void {
    const { distanceHistogram, meanDistance } = store.state.opened.facts;
    const masses = distanceHistogram.map((mass) => mass ?? 0);
    const total = masses.reduce((sum, mass) => sum + mass, 0) || 1;
    const largest = Math.max(...masses);
    const most = `the most, ${percent(largest / total)}, at ${bucketName(masses.indexOf(largest))}`;
    const nan = distanceHistogram.includes(null) ? "; of some distances the weight is NaN" : "";
    const summary = `Mean distance ${figure(meanDistance)} tokens${largest > 0 ? `; ${most}` : ""}${nan}.`;
    const buckets = masses.map((_, n) => n);
    const { group, x, y, height } = plot.clear(
      { x: [-0.5, masses.length - 0.5], y: [0, (100 * largest) / total || 1] },
      { x: "distance in tokens", y: "% of weight" },
      summary,
      { values: buckets, text: bucketName },
    );
    group
      .selectAll("rect")
      .data(masses)
      .join("rect")
      .attr("class", "bar")
      .attr("x", (_, n) => x(n - 0.4))
      .attr("width", x(0.8) - x(0))
      .attr("y", (mass) => y((100 * mass) / total))
      .attr("height", (mass) => height - y((100 * mass) / total));
  }
}

function entropyOfHeads(model: Model, store: Store, open: (layer: number, head: number) => void): Plot {
  const { layers } = model.data;
  // With one layer its heads side by side, else the layers, each with the points of its heads.
  const alone = layers.length === 1;
  const all = layers.flatMap(({ heads }, layer) =>
    heads.map(({ entropy }, head) => ({ layer, head, entropy, x: alone ? head : layer })),
  );
  // A head of NaN has no place on the axis.
  const points = all.filter((point): point is typeof point & { entropy: number } => point.entropy !== null);
  const places = Array.from({ length: Math.max(...all.map(({ x }) => x)) + 1 }, (_, n) => n);
  const plot = new Plot("entropy-of-heads", "Mean entropy of all heads", draw);
  store.on(["opened"], draw);
  return plot;

  function draw(): void {
    const { opened } = store.state;
    const { entropy: own } = opened.facts;
    const rank = own === null ? 0 : points.filter(({ entropy }) => entropy > own).length;
    const ranked = own === null ? "" : `; ${rank} of ${all.length} heads have more`;
    const nan = all.length - points.length;
    const left = nan > 0 ? ` Not drawn: ${nan} of NaN.` : "";
    const summary = `The open head has ${figure(own)} nats${ranked}.${left}`;
    const { group, x, y } = plot.clear(
      { x: [-0.6, places.length - 0.4], y: [0, Math.max(0.1, ...points.map(({ entropy }) => entropy))] },
      { x: alone ? "head" : "layer", y: "nats" },
      summary,
      {
        values: places,
        text: (n) =>
          alone
            ? String(n)
            : Array.from(layers[n]!.name ?? String(n))
                .slice(0, 8)
                .join(""),
      },
    );
    const isOpen = ({ layer, head }: { layer: number; head: number }): boolean =>
      layer === opened.layer && head === opened.head;
    group
      .selectAll("circle")
      .data(points)
      .join("circle")
      .attr("class", "point")
      .attr("cx", (point) => x(point.x))
      .attr("cy", (point) => y(point.entropy))
      .attr("r", (point) => (isOpen(point) ? 6 : 4))
      .classed("open", isOpen)
      .on("click", (_, point) => open(point.layer, point.head))
      .filter(isOpen)
      .raise();
  }
}

/** Values one beside the other, each half a place to both sides of its own. NaN leaves a gap. */
function steps({ group, x, y, height }: Area, values: Float32Array): void {
  let [fill, line, from] = ["", "", -1];
  for (let n = 0; n <= values.length; n++) {
    const value = values[n];
    if (value === undefined || Number.isNaN(value)) {
      if (from >= 0) fill += `V${height}Z`;
      from = -1;
      continue;
    }
    const step = `${y(value)}H${x(n + 0.5)}`;
    fill += from < 0 ? `M${x(n - 0.5)},${height}V${step}` : `V${step}`;
    line += from < 0 ? `M${x(n - 0.5)},${step}` : `V${step}`;
    if (from < 0) from = n;
  }
  group.append("path").attr("class", "fill").attr("d", fill);
  group.append("path").attr("class", "line").attr("d", line);
}

/** 0, 1, 2–3, 4–7 and so on. */
function bucketName(n: number): string {
  return n < 2 ? String(n) : `${2 ** (n - 1)}–${2 ** n - 1}`;
}

function placeIn<T>(place: number | undefined, count: number, make: (n: number) => T): T | undefined {
  return place === undefined ? undefined : make(Math.min(count - 1, Math.max(0, Math.round(place))));
}
