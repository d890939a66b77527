/** What compared jobs reached at their best epochs, and which of them is best by it. Every function is pure. */

import type { Job } from "../../lib/api";
import { best, spread } from "../../lib/groups";

type Reached = Pick<Job, "spec" | "best">;

export const PARTS: Readonly<Record<string, string>> = { train_: "training", val_: "validation", test_: "test" };

/** A metric in each job; `top` holds the places of the best. */
export interface Bests {
  readonly name: string;
  readonly values: readonly (number | null | undefined)[];
  readonly top: ReadonlySet<number>;
}

/** `val_` of `val_loss`; "" of what is no part's. */
export function partOf(name: string): string {
  return Object.keys(PARTS).find((part) => name.startsWith(part)) ?? "";
}

export function lossesDiffer(jobs: readonly Reached[]): boolean {
  return new Set(jobs.map((job) => JSON.stringify((job.spec as { loss?: unknown }).loss))).size > 1;
}

/** Whether jobs are better or worse by it: losses of different kinds have different units. */
function ranks(name: string, jobs: readonly Reached[]): boolean {
  return !(name.endsWith("_loss") && lossesDiffer(jobs));
}

/** Every metric that a job has, `first` before the others, then validation, test and training. */
export function bestsOf(jobs: readonly Reached[], first: string): Bests[] {
  const all = new Set(jobs.flatMap((job) => Object.keys(job.best?.metrics ?? {})));
  const order = (name: string): number => (name === first ? 0 : 1 + ["val_", "test_", "train_", ""].indexOf(partOf(name)));
  return [...all].sort((a, b) => order(a) - order(b) || a.localeCompare(b)).map((name) => {
    const values = jobs.map((job) => job.best?.metrics[name]);
    return { name, values, top: partOf(name) !== "" && ranks(name, jobs) ? best(name, values) : new Set<number>() };
  });
}

/** Runs of columns of one part of the data: "val_", with its metrics below. */
export function partsOf(bests: readonly Bests[]): { part: string; columns: number }[] {
  return bests.reduce<{ part: string; columns: number }[]>((runs, { name }) => {
    const part = partOf(name);
    const last = runs.at(-1);
    return last?.part === part ? [...runs.slice(0, -1), { part, columns: last.columns + 1 }] : [...runs, { part, columns: 1 }];
  }, []);
}

/** A metric over the jobs of a group; null where none of them has it. */
export interface Summary {
  readonly name: string;
  readonly n: number;
  readonly mean: number | null;
  readonly deviation: number | null;
  readonly isTop: boolean;
}

export function summaryOf(groups: readonly { readonly name: string; readonly places: readonly number[] }[], jobs: readonly Reached[], metric: string): Summary[] {
  const all = groups.map(({ name, places }) => {
    const values = places.flatMap((i) => {
      const value = jobs[i]?.best?.metrics[metric];
      return typeof value === "number" && Number.isFinite(value) ? [value] : [];
    });
    return { name, n: places.length, ...(values.length > 0 ? spread(values) : { mean: null, deviation: null }) };
  });
  const top = ranks(metric, jobs) ? best(metric, all.map((one) => one.mean)) : new Set<number>();
  return all.map((one, g) => ({ ...one, isTop: top.has(g) }));
}
