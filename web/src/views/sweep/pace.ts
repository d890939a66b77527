/** How many configurations a sweep trains, how fast, and how long it goes on. Every function is pure. */

import type { Schemas } from "../../lib/api";
import type { Table } from "./survivors";

/** How many epochs all jobs together had trained at a moment, in ms. */
export interface Sample {
  readonly at: number;
  readonly epochs: number;
}

/** The rate is that of so many ms. */
const RECENT = 30_000;
/** Samples that are nearer, in ms, say nothing. */
const LEAST = 1000;

/** All its configurations; null where a budget decides how many there are. */
export function wholeOf({ spec, most_trials }: Pick<Schemas["SweepView"], "spec" | "most_trials">): number | null {
  return typeof spec.trials === "object" ? null : most_trials;
}

/** With one sample more, and without those that are old. */
export function sampled(before: readonly Sample[], now: Sample): Sample[] {
  return [...before.filter(({ at }) => now.at - at < RECENT), now];
}

/** Epochs a second, never negative; null while there is too little to say. */
export function rateOf(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < LEAST) return null;
  return Math.max(0, ((last.epochs - first.epochs) * 1000) / (last.at - first.at));
}

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
