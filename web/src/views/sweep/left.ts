import type { Table } from "./survivors";

/**
 * How long a sweep of so many configurations goes on: those that are over say how many epochs one takes, and the rate is
 * that of now, for what was trained before may have waited, or paused, in between. null while none is over.
 */
export function secondsLeft({ state, epochs }: Pick<Table, "state" | "epochs">, whole: number, trained: number, rate: number): number | null {
  const over = epochs.filter((_, i) => state[i] !== "open");
  if (over.length === 0) return null;
  const each = over.reduce((sum, n) => sum + n, 0) / over.length;
  return Math.max(0, each * whole - trained) / rate;
}
