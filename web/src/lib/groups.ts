/** Runs side by side: which fields differ, groups by a field, means with bands. Every function is pure. */

import { higherIsBetter } from "./format";
import { isRecord } from "./json";

/** Most runs that are compared: more lines are not told apart, and their address would be too long to send. */
export const COMPARED = 50;

/** Columns of equal length: `epoch`, and one per metric. */
export type Columns = Readonly<Record<string, readonly (number | null)[]>>;

/** What says nothing of how a network is trained. */
const LABELS = new Set(["version", "name", "project", "tags", "priority"]);

/** Of a data set: what it is called, whether it was uploaded or not, and what follows from that. */
const NAMES = new Set(["id", "name"]);
const DIGESTS = new Set(["sha256", "info"]);

/** A spec's leaves by field path: `{"optimizer.type": "adam", "architecture.hidden": [16]}`; a data set is `dataset`, by name or id. */
export function leaves(spec: unknown, path = ""): Map<string, unknown> {
  const found = new Map<string, unknown>();
  if (!isRecord(spec)) return found.set(path, spec);
  for (const [key, value] of Object.entries(spec)) {
    if (path === "" && LABELS.has(key)) continue;
    if (path === "dataset" && value !== null && DIGESTS.has(key)) continue;
    if (path === "dataset" && NAMES.has(key)) found.set(path, value);
    else for (const [at, leaf] of leaves(value, path === "" ? key : `${path}.${key}`)) found.set(at, leaf);
  }
  return found;
}

/** A field that is not the same in all specs, with its value in each; undefined where one has no such field. */
export interface Row {
  readonly field: string;
  readonly values: readonly unknown[];
}

/** The fields in which specs differ, in the order of the specs. */
export function differing(specs: readonly unknown[]): Row[] {
  const all = specs.map((spec) => leaves(spec));
  const fields = new Set(all.flatMap((one) => [...one.keys()]));
  return [...fields]
    .map((field) => ({ field, values: all.map((one) => one.get(field)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value ?? null))).size > 1);
}

/** Without what follows from the type of a part: the momentum that only some have, because only their optimizer has one. */
export function telling(rows: readonly Row[]): Row[] {
  const fields = new Set(rows.map(({ field }) => field));
  return rows.filter(({ field, values }) => {
    const type = field.replace(/[^.]+$/, "type");
    const [given, ...others] = values.filter((value) => value !== undefined).map((value) => JSON.stringify(value));
    return type === field || !fields.has(type) || others.length + 1 === values.length || others.some((one) => one !== given);
  });
}

/** The texts of values by `short`, or all by `exact` where that makes two alike that are not the same. */
export function distinct(values: readonly unknown[], short: (value: unknown) => string, exact: (value: unknown) => string): string[] {
  const texts = values.map(short);
  return new Set(texts).size < new Set(values.map((value) => JSON.stringify(value) ?? "")).size ? values.map(exact) : texts;
}

/** Places of rows by the text of each, in the order in which texts first come. */
export function grouped(texts: readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  texts.forEach((text, i) => found.set(text, [...(found.get(text) ?? []), i]));
  return found;
}

/** Along seconds, nearly every point of every curve is a place of its own: no chart draws so many. */
const MOST_PLACES = 1000;

/** What a curve is drawn along: its epochs, or the seconds since its job started. */
export type Along = "epoch" | "seconds";

export interface Band {
  /** Epochs or seconds. */
  readonly at: readonly number[];
  readonly mean: readonly (number | null)[];
  /** One standard deviation below and above. */
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  /** How many curves have a value there. */
  readonly of: readonly number[];
}

/**
 * The mean of a metric over curves, epoch by epoch or by seconds, while at least half of them have a value. The band of one
 * standard deviation ends where the values do: a loss is not below 0.
 */
export function band(curves: readonly Columns[], name: string, by: Along = "epoch"): Band {
  const all = [...new Set(curves.flatMap((curve) => curve[by] ?? []))].filter((place) => place !== null).sort((a, b) => a - b);
  const places = by === "epoch" ? all : thinned(all, MOST_PLACES);
  const columns = curves.map((curve) => along(places, curve, name, by));
  const rows = places
    .map((at, i) => ({ at, values: columns.map((column) => column[i]).filter((value) => typeof value === "number") }))
    .filter(({ values }) => values.length > 0 && 2 * values.length >= curves.length);
  const moments = rows.map(({ values }) => ({ ...spread(values), least: Math.min(...values), most: Math.max(...values) }));
  return {
    at: rows.map(({ at }) => at),
    mean: moments.map(({ mean }) => mean),
    low: moments.map(({ mean, deviation, least }) => Math.max(mean - deviation, least)),
    high: moments.map(({ mean, deviation, most }) => Math.min(mean + deviation, most)),
    of: rows.map(({ values }) => values.length),
  };
}

/** A curve's values at these places, which rise; between two places that it has, on the line between them. */
function along(places: readonly number[], curve: Columns, name: string, by: Along): (number | null)[] {
  const [own, values] = [curve[by] ?? [], curve[name] ?? []];
  let next = 0;
  return places.map((place) => {
    while (next < own.length && (own[next] ?? 0) < place) next += 1;
    const after = values[next] ?? null;
    if (own[next] === place) return after;
    const [left, right, before] = [own[next - 1], own[next], values[next - 1] ?? null];
    if (typeof left !== "number" || typeof right !== "number" || before === null || after === null) return null;
    return before + ((after - before) * (place - left)) / (right - left);
  });
}

/** Mean and standard deviation (n - 1) of at least one number. */
export function spread(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

/** The places of the best of some values of a metric, all that are equal; none where there is nothing to choose. */
export function best(name: string, values: readonly (number | null | undefined)[]): Set<number> {
  const known = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (new Set(known).size < 2) return new Set();
  const top = higherIsBetter(name) ? Math.max(...known) : Math.min(...known);
  return new Set(values.flatMap((value, i) => (value === top ? [i] : [])));
}

/** Every n-th row of a curve, so that no more than `most` and the last are drawn. */
export function thinned<T>(rows: readonly T[], most: number): T[] {
  const every = Math.ceil(rows.length / most);
  return every <= 1 ? [...rows] : rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
}
