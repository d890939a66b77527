/** The order of configurations, and how the best of them came. Every function is pure. */

import { show } from "../../lib/spec";
import type { Table } from "./survivors";

const words = new Intl.Collator(undefined, { numeric: true });

/** Rows by their values: numbers before words, and those without a value last in both directions; equal ones stay as they were. */
export function ordered(rows: readonly number[], values: readonly unknown[], descending: boolean): number[] {
  const missing = (value: unknown): boolean => value === null || value === undefined;
  const turn = descending ? -1 : 1;
  return [...rows].sort((i, j) => {
    const [a, b] = [values[i], values[j]];
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    return turn * compared(a, b);
  });
}

function compared(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -1 : 1;
  return words.compare(show(a), show(b));
}

/** Where a configuration that was trained to its end is better than all before it: its number, and its score. */
export function improvements(table: Table, higher: boolean): (readonly [number: number, score: number])[] {
  let best: number | null = null;
  return table.number.flatMap((number, row) => {
    const score = table.score[row] ?? null;
    if (score === null || table.state[row] !== "finished" || (best !== null && (higher ? score <= best : score >= best))) return [];
    best = score;
    return [[number, score] as const];
  });
}
