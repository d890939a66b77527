/** Parallel coordinates in pixels: where the axes are, where each line passes them, and what is near a pointer. Every function is pure. */

import { at, type Axis, place } from "../../lib/axes";

export const HEIGHT = 340;
/** Where axes begin, below their titles. */
export const TOP = 40;
const BOTTOM = 34;
const LEFT = 28;
/** Between two axes, at least. */
const WIDE = 118;
/** A pointer so far from an axis is at it. */
const GRAB = 16;
/** A pointer so far from a line is at it. */
const NEAR = 7;
/** The length of an axis. */
export const INNER = HEIGHT - TOP - BOTTOM;

export interface Plot {
  readonly axes: readonly Axis[];
  readonly width: number;
  /** px from the left of each axis. */
  readonly xs: readonly number[];
  /** px from above of each line, by axis. */
  readonly heights: readonly Float32Array[];
}

/** A range that is drawn along an axis, as places from 0 to 1 in the order of the drawing. */
export interface Drag {
  readonly axis: Axis;
  readonly from: number;
  readonly to: number;
}

/** As wide as there is space, `outer`, unless there are too many axes for it; the title of the last one ends `right` of it. */
export function widthOf(axes: number, outer: number, right: number): number {
  return Math.max(outer, LEFT + right + WIDE * (axes - 1));
}

export function xsOf(axes: number, width: number, right: number): number[] {
  return Array.from({ length: axes }, (_, k) => LEFT + (axes < 2 ? 0 : ((width - LEFT - right) * k) / (axes - 1)));
}

/** px from above of each value; a row without the field passes below the axis, those of one word beside each other. */
export function heightsOf(axes: readonly Axis[]): Float32Array[] {
  return axes.map((axis) =>
    Float32Array.from(axis.values, (value, row) => {
      if (Number.isNaN(value)) return HEIGHT - 8;
      const wide = axis.scale === "words" ? (0.55 * (((row * 0.618034) % 1) - 0.5)) / axis.words.length : 0;
      return yOf(place(axis, value) + wide);
    }),
  );
}

/** px from above of a place; what is outside stands at the end. */
export function yOf(where: number): number {
  return TOP + INNER * (1 - Math.min(1, Math.max(0, where)));
}

/** The place at px from above. */
export function placeOf(y: number): number {
  return Math.min(1, Math.max(0, 1 - (y - TOP) / INNER));
}

/** Rows from the worst to the best, as they are drawn over each other; those without a rank are left out. */
export function worstFirst(ranks: Float64Array): number[] {
  const rows = [...ranks.keys()].filter((row) => !Number.isNaN(ranks[row]));
  return rows.sort((a, b) => (ranks[b] ?? 0) - (ranks[a] ?? 0));
}

/** The values of a drag, the lower first. */
export function limits({ axis, from, to }: Drag): readonly [number, number] {
  return [at(axis, Math.min(from, to)), at(axis, Math.max(from, to))];
}

/** Whether a drag is more than a click. */
export function isWide({ from, to }: Drag): boolean {
  return Math.abs(to - from) > 0.01;
}

export function axisNear({ axes, xs }: Plot, x: number): Axis | null {
  return axes[xs.findIndex((one) => Math.abs(one - x) <= GRAB)] ?? null;
}

/** Of `rows`, the one whose line is nearest to a point between two axes; of equals, the last. */
export function lineNear({ xs, heights }: Plot, rows: readonly number[], x: number, y: number): number | null {
  const k = xs.findIndex((one, i) => one <= x && x <= (xs[i + 1] ?? -1));
  const [left, right] = [heights[k], heights[k + 1]];
  if (left === undefined || right === undefined) return null;
  const share = (x - (xs[k] ?? 0)) / ((xs[k + 1] ?? 1) - (xs[k] ?? 0));
  let found: number | null = null;
  let least = NEAR;
  for (const row of rows) {
    const distance = Math.abs((left[row] ?? 0) * (1 - share) + (right[row] ?? 0) * share - y);
    if (distance <= least) [found, least] = [row, distance];
  }
  return found;
}
