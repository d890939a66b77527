/** The order of configurations, and how the best of them came. Every function is pure. */

import type { Schemas } from "../../lib/api";
import { show } from "../../lib/spec";
import type { Table } from "./survivors";

const words = new Intl.Collator(undefined, { numeric: true });

/**
 * The rows that are kept, best first and those without a score last, or by the column that `sort` names: `-epochs` has the
 * largest first, `configuration.dropout` is a parameter. Equal ones stay best first.
 */
export function arranged(table: Schemas["TrialColumns"], kept: readonly boolean[], ranks: Float64Array, sort: string): number[] {
  const place = (row: number): number => (Number.isNaN(ranks[row]) ? 2 : (ranks[row] ?? 2));
  const rows = [...table.number.keys()].filter((row) => kept[row]).sort((a, b) => place(a) - place(b) || a - b);
  return sort === "" ? rows : ordered(rows, columnOf(table, sort.replace(/^-/, "")), sort.startsWith("-"));
}

/** The values of a column, a row each; none where there is no such column. */
function columnOf(table: Schemas["TrialColumns"], name: string): readonly unknown[] {
  if (name.startsWith("configuration.")) return table.configuration[name.slice("configuration.".length)] ?? [];
  return name === "number" || name === "state" || name === "score" || name === "epochs" ? table[name] : [];
}

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
