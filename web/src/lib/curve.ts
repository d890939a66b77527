/** The arithmetic of curves: smoothing, best epoch, CSV. */

import { isOfOneTarget } from "./format";

/** Columns of equal length: `epoch`, and one per metric; null where a value was not finite. */
export type Curve = Readonly<Record<string, readonly (number | null)[]>>;

/** Exponential moving average with debiasing, as TensorBoard draws it; `weight` from 0 (as it is) to below 1. */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let sum = 0;
  let mass = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}

/** Names of metrics without train_ and val_: "loss" first, those of each of several targets last; only those with a value. */
export function metricsOf(curve: Curve): string[] {
  const names = new Set<string>();
  for (const [name, values] of Object.entries(curve)) {
    const plain = /^(?:train|val)_(.+)$/.exec(name)?.[1] ?? (name === "epoch" ? undefined : name);
    if (plain !== undefined && values.some((value) => value !== null)) names.add(plain);
  }
  const rest = [...names].filter((name) => name !== "loss").sort((a, b) => Number(isOfOneTarget(a)) - Number(isOfOneTarget(b)) || (a < b ? -1 : 1));
  return names.has("loss") ? ["loss", ...rest] : rest;
}

/** The curve with more epochs; those that are known are replaced, as after a restart of the job. */
export function joined(curve: Curve, more: Curve): Curve {
  const [epochs, added] = [curve["epoch"] ?? [], more["epoch"] ?? []];
  if (added.length === 0) return curve;
  const first = added[0] ?? 0;
  let keep = epochs.length;
  while (keep > 0 && (epochs[keep - 1] ?? 0) >= first) keep -= 1;
  const names = new Set([...Object.keys(curve), ...Object.keys(more)]);
  const missing = (n: number): null[] => new Array<null>(n).fill(null);
  return Object.fromEntries([...names].map((name) => [name, [...(curve[name]?.slice(0, keep) ?? missing(keep)), ...(more[name] ?? missing(added.length))]]));
}

/** The curve as a CSV file. */
export function csv(curve: Curve): string {
  const names = ["epoch", ...Object.keys(curve).filter((name) => name !== "epoch")];
  const rows = (curve["epoch"] ?? []).map((_, i) => names.map((name) => curve[name]?.[i] ?? "").join(","));
  return [names.join(","), ...rows, ""].join("\n");
}
