/** The colours of classes on a canvas: a soft one for the plane, a strong one for points. */

import { colours } from "../lib/charts";

export type Rgb = readonly [number, number, number];

/** `#rrggbb` or `#rgb` as numbers from 0 to 255. */
export function rgb(hex: string): Rgb {
  const digits = hex.replace("#", "");
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const t = Math.min(1, Math.max(0, share));
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)})`;
}

/** The palette of the theme that is seen now. */
export interface Palette {
  readonly classes: readonly Rgb[];
  /** Behind everything: where a value says nothing. */
  readonly ground: Rgb;
  readonly ink: Rgb;
}

export function palette(): Palette {
  const c = colours();
  return { classes: c.series.map(rgb), ground: rgb(c.surface), ink: rgb(c.text) };
}

/** The colour of a value from -1 to 1: the first class below 0, the second above. */
export function diverging({ classes, ground }: Palette, value: number, strength = 0.85): Rgb {
  const end = value < 0 ? classes[0] : classes[1];
  return mix(ground, end ?? ground, strength * Math.min(1, Math.abs(value)));
}
