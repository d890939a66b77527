/** The images of a data set as a view lays them out. */

import type { Schemas } from "./api";

type Image = Schemas["DatasetImage"];

/** Some images of one class, or with one number to predict. */
export interface Group {
  readonly label: string;
  readonly images: readonly Image[];
  /** Images of the class in the whole data set; null for numbers. */
  readonly total: number | null;
}

/** How many images are asked for: a few first, and more when somebody wants more. */
export const FEW = { per_class: 4, limit: 40 } as const;
export const MORE = { per_class: 16, limit: 480 } as const;
/** The longer side of an image on the page, in pixels, at most. */
export const SIDE = 64;

/** Images with one label, in the order in which they come. */
export function grouped(images: readonly Image[], classes: readonly Schemas["ValueCount"][]): Group[] {
  const totals = new Map(classes.map(({ value, count }) => [value, count]));
  const groups = new Map<string, Image[]>();
  for (const image of images) groups.set(image.label, [...(groups.get(image.label) ?? []), image]);
  return [...groups].map(([label, images]) => ({ label, images, total: totals.get(label) ?? null }));
}

/** [width, height] at which an image of (channels, height, width) is shown: small ones by whole steps, so that each pixel is a square. */
export function shownSize([, height = 1, width = 1]: readonly number[]): [number, number] {
  const most = SIDE / Math.max(height, width);
  const step = most >= 1 ? Math.floor(most) : most;
  return [Math.max(1, Math.round(width * step)), Math.max(1, Math.round(height * step))];
}
