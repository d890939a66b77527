/** The limits that a reader sets on axes, as the address holds them: `learning_rate:0.001:0.1`. */

import type { Axis } from "../../lib/axes";

export type Brushes = Readonly<Record<string, readonly [number, number]>>;

export function read(texts: readonly string[]): Brushes {
  const found: Record<string, readonly [number, number]> = {};
  for (const text of texts) {
    const [, path, low, high] = /^(.+):([^:]+):([^:]+)$/.exec(text) ?? [];
    const range = [Number(low), Number(high)] as const;
    if (path !== undefined && range.every(Number.isFinite)) found[path] = range;
  }
  return found;
}

export function written(brushes: Brushes): string[] {
  return Object.entries(brushes).map(([path, [low, high]]) => `${path}:${-outward(-low)}:${outward(high)}`);
}

/** Five digits, not below the value: the line at a limit stays inside. */
function outward(value: number): number {
  const near = Number(value.toPrecision(5));
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 4);
  return near >= value ? near : Number((near + unit).toPrecision(5));
}

/** Whether each row is inside all limits. */
export function keptBy(brushes: Brushes, axes: readonly Axis[], rows: number): boolean[] {
  const used = axes.flatMap((axis) => {
    const range = brushes[axis.path];
    return range === undefined ? [] : [{ values: axis.values, low: range[0], high: range[1] }];
  });
  return Array.from({ length: rows }, (_, row) =>
    used.every(({ values, low, high }) => {
      const value = values[row] ?? NaN;
      return value >= low && value <= high;
    }),
  );
}
