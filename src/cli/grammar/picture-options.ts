import { colourMaps } from "../../inspect/heat-map/colour-maps.ts";
import { choice, flag, text } from "./option.ts";

/** Heat maps as files, in every command that has weights to draw. */
export const pictureOptions = {
  svg: text("FILE", "draws the weights as heat maps with labels: a.svg"),
  png: text("FILE", "the same without labels: a.png"),
  colors: choice(
    "MAP",
    colourMaps,
    "their colours: viridis (default), magma, cividis, blues or greys; each row up to its largest weight",
    undefined,
  ),
  logColors: flag("colours follow the logarithms of the weights"),
};

export interface PictureOptions {
  readonly svg: string | undefined;
  readonly png: string | undefined;
  readonly colors: (typeof colourMaps)[number] | undefined;
  readonly logColors: boolean;
}
