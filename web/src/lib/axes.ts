/** Axes for values of any kind: numbers on linear or logarithmic scales, and words in their order. Every function is pure. */

import { metric, tick } from "./format";
import { show } from "./spec";

/** One value of each row as a number: words are counted from 0; NaN where a row has none. */
export interface Axis {
  readonly path: string;
  readonly scale: "linear" | "log" | "words";
  /** The values at places 0 and 1. */
  readonly low: number;
  readonly high: number;
  readonly values: Float64Array;
  /** Of words: their texts. */
  readonly words: readonly string[];
  /** The metric that the values are of, if they are: shares of rows are read in percent. */
  readonly metric?: string;
}

export interface Tick {
  /** From 0 to 1. */
  readonly place: number;
  readonly text: string;
}

/** A parameter as a space describes it; only what an axis reads. */
export interface Described {
  readonly choice?: readonly unknown[];
  readonly uniform?: readonly number[];
  readonly log_uniform?: readonly number[];
  readonly integers?: readonly number[];
  readonly log?: boolean;
}

const LOG_FROM = 20;
/** A word is drawn inside its place. */
const MARGIN = 0.5;

/** The axis of a column of values. `log` decides the scale of numbers; else the space does, or how far they reach. */
export function axisOf(path: string, column: readonly unknown[], described: Described = {}, log?: boolean): Axis {
  const given = column.filter((value) => value !== null && value !== undefined);
  const numeric = given.length > 0 && given.every((value) => typeof value === "number");
  if (!numeric) return ofWords(path, column, described.choice ?? []);
  const values = Float64Array.from(column, (value) => (typeof value === "number" ? value : NaN));
  const limits = described.log_uniform ?? described.uniform ?? described.integers ?? [];
  const all = [...limits, ...values.filter((value) => Number.isFinite(value))];
  const low = all.reduce((a, b) => Math.min(a, b), Infinity);
  const high = all.reduce((a, b) => Math.max(a, b), -Infinity);
  const byRange = limits.length === 0 && high / low >= LOG_FROM;
  const asked = log ?? (described.log_uniform !== undefined || described.log === true || byRange);
  const scale = asked && low > 0 ? "log" : "linear";
  if (low === high) return { path, scale, low: low - (Math.abs(low) / 2 || 1), high: high + (Math.abs(high) / 2 || 1), values, words: [] };
  return { path, scale, low, high, values, words: [] };
}

function ofWords(path: string, column: readonly unknown[], order: readonly unknown[]): Axis {
  const places = new Map<string, number>();
  for (const value of [...order, ...column]) {
    if (value === null || value === undefined) continue;
    const word = show(value);
    if (!places.has(word)) places.set(word, places.size);
  }
  const values = Float64Array.from(column, (value) => (value === null || value === undefined ? NaN : (places.get(show(value)) ?? NaN)));
  return { path, scale: "words", low: -MARGIN, high: Math.max(places.size, 1) - MARGIN, values, words: [...places.keys()] };
}

/** A parameter's name in words, without what everybody knows: `architecture.hidden` is "hidden". */
export function parameterName(path: string): string {
  return path.replace(/^architecture\./, "").replaceAll(/[._]/g, " ");
}

/** Where a value is, from 0 to 1; NaN stays NaN. */
export function place(axis: Axis, value: number): number {
  if (axis.scale === "log") return Math.log(value / axis.low) / Math.log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

/** The value at a place. */
export function at(axis: Axis, where: number): number {
  if (axis.scale === "log") return axis.low * (axis.high / axis.low) ** where;
  return axis.low + where * (axis.high - axis.low);
}

/** A value as text. */
export function textOf(axis: Axis, value: number): string {
  if (!Number.isFinite(value)) return "–";
  return axis.scale === "words" ? (axis.words[Math.round(value)] ?? "–") : metric(axis.metric ?? "", value);
}

/** Texts along the axis: every word, powers of ten, or round numbers. */
export function ticks(axis: Axis, most = 6): Tick[] {
  if (axis.scale === "words") {
    const every = Math.ceil(axis.words.length / 24);
    return axis.words.map((text, i) => ({ place: place(axis, i), text })).filter((_, i) => i % every === 0);
  }
  const found = axis.scale === "log" ? powers(axis, most) : round(axis, most);
  return found.map((value) => ({ place: place(axis, value), text: tick(value, axis.metric) }));
}

function powers(axis: Axis, most: number): number[] {
  const first = Math.ceil(Math.log10(axis.low) - 1e-9);
  const last = Math.floor(Math.log10(axis.high) + 1e-9);
  if (last - first < 1) return [axis.low, at(axis, 0.5), axis.high].map((value) => Number(value.toPrecision(2)));
  const every = Math.ceil((last - first + 1) / most);
  const found = [];
  for (let power = first; power <= last; power += every) found.push(Number(`1e${power}`));
  return found;
}

function round(axis: Axis, most: number): number[] {
  const rough = (axis.high - axis.low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  const found = [];
  for (let i = Math.ceil(axis.low / step - 1e-9); i * step <= axis.high + 1e-9 * step; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** From the best, 0, to the worst, 1, by rank, so that one that diverged does not hide the others; NaN without a score. */
export function ranks(scores: readonly (number | null)[], higher: boolean): Float64Array {
  const order = scores.flatMap((score, i) => (score === null ? [] : [i]));
  const value = (i: number): number => scores[i] ?? 0;
  order.sort((a, b) => (higher ? value(b) - value(a) : value(a) - value(b)));
  const result = new Float64Array(scores.length).fill(NaN);
  order.forEach((i, rank) => (result[i] = order.length > 1 ? rank / (order.length - 1) : 0));
  return result;
}

/** Means of `heights` near each point of a grid: a Gaussian kernel over places from 0 to 1; null far from every point. */
export function surface(x: Axis, y: Axis, heights: Float64Array, size: number, width = 0.07): (number | null)[][] {
  const sums = new Float64Array(size * size);
  const counts = new Float64Array(size * size);
  const cell = (where: number): number => Math.min(size - 1, Math.max(0, Math.floor(where * size)));
  heights.forEach((height, i) => {
    const [u, v] = [place(x, x.values[i] ?? NaN), place(y, y.values[i] ?? NaN)];
    if (Number.isNaN(height) || Number.isNaN(u) || Number.isNaN(v)) return;
    const at = cell(v) * size + cell(u);
    sums[at] = (sums[at] ?? 0) + height;
    counts[at] = (counts[at] ?? 0) + 1;
  });
  const kernel = Array.from({ length: size }, (_, d) => Math.exp(-0.5 * (d / (width * size)) ** 2));
  const [means, weights] = [blurred(sums, size, kernel), blurred(counts, size, kernel)];
  const least = 0.05;
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => {
      const weight = weights[row * size + column] ?? 0;
      return weight < least ? null : (means[row * size + column] ?? 0) / weight;
    }),
  );
}

/** Each row, then each column, weighted by the distance. */
function blurred(grid: Float64Array, size: number, kernel: readonly number[]): Float64Array {
  const along = (from: Float64Array, step: number, line: number): Float64Array => {
    const to = new Float64Array(from.length);
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) {
        let sum = 0;
        for (let k = 0; k < size; k += 1) sum += (kernel[Math.abs(j - k)] ?? 0) * (from[i * line + k * step] ?? 0);
        to[i * line + j * step] = sum;
      }
    }
    return to;
  };
  return along(along(grid, 1, size), size, 1);
}
