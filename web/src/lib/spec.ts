/** A job's spec in words: its data, its network, and what differs from the defaults. */

import { count, number } from "./format";
import { isRecord } from "./json";

/** (channels, height, width), as the API has it. */
export type Shape = readonly [number, number, number];

/** The shapes of the shipped data sets whose rows are images. */
export const SHIPPED_IMAGES: ReadonlyMap<string, Shape> = new Map([["digits", [1, 8, 8]]]);

/** The channels that an image file can have. */
const CHANNELS = [1, 3, 4];

/** The shape of a job's images where an image file can be one of them; else null. */
export function imageShape(dataset: unknown): Shape | null {
  const info = isRecord(dataset) ? dataset["info"] : null;
  const given = isRecord(info) ? (info["image"] as Shape | null | undefined) : null;
  const shape = given ?? SHIPPED_IMAGES.get(datasetName(dataset)) ?? null;
  return shape !== null && CHANNELS.includes(shape[0]) ? shape : null;
}

/** A name such as "digits", or an upload's id. */
export function datasetName(dataset: unknown): string {
  if (typeof dataset === "string") return dataset;
  if (!isRecord(dataset)) return "–";
  if (typeof dataset["name"] === "string") return dataset["name"];
  if (typeof dataset["id"] === "string") return dataset["id"];
  return "inline";
}

/** "mlp 64-32", "cnn 8-16, 32", "perceptron". */
export function networkName(spec: { readonly architecture?: unknown }): string {
  const shape = spec.architecture;
  if (typeof shape === "string") return shape;
  if (!isRecord(shape)) return "–";
  const layers = [shape["channels"], shape["hidden"]].filter((one) => Array.isArray(one) && one.length > 0) as number[][];
  return [String(shape["type"]), layers.map((one) => one.join("-")).join(", ")].filter(Boolean).join(" ");
}

/** What is not part of the training, or is told elsewhere. */
const LABELS = new Set(["version", "name", "project", "tags", "dataset", "priority"]);

export interface Difference {
  readonly field: string;
  /** The default, or the other job's value; undefined where there is none. */
  readonly before: unknown;
  readonly after: unknown;
}

/** The fields of `spec` whose values are not those of `other`, the defaults or another spec; `optimizer.momentum` is one. */
export function differences(spec: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>): Difference[] {
  const found: Difference[] = [];
  for (const field of new Set([...Object.keys(other), ...Object.keys(spec)])) {
    if (!LABELS.has(field)) collect(field, other[field], spec[field], found);
  }
  return found;
}

function collect(field: string, before: unknown, after: unknown, found: Difference[]): void {
  if (isRecord(before) && isRecord(after) && before["type"] === after["type"]) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(`${field}.${key}`, before[key], after[key], found);
    }
  } else if (!same(before, after)) found.push({ field, before, after });
}

function same(a: unknown, b: unknown): boolean {
  if (isRecord(a) && typeof b === "string") return same(b, a);
  if (typeof a === "string" && isRecord(b)) return same({ type: a }, b); // a name stands for the model of that name
  if (isRecord(a) && Object.keys(a).length === 1 && isRecord(b)) return a["type"] === b["type"];
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

/** A sentence on a seed that this page can only have rounded; "" where every one is exact. */
export function roundedSeed(spec: Readonly<Record<string, unknown>>): string {
  const isExact = [spec["seed"], spec["split_seed"]].every((seed) => !Number.isInteger(seed) || Number.isSafeInteger(seed));
  if (isExact) return "";
  const limit = count(Number.MAX_SAFE_INTEGER);
  return `A browser rounds whole numbers above ${limit}: this page shows and submits another seed. To keep it, use the command: \`epochal clone JOB\` or \`epochal submit FILE\`.`;
}

/** A value of a spec as text: `64, 32`; `adam`; `true`. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.length > 12 ? `${value.length} values` : value.map(show).join(", ");
  if (isRecord(value)) {
    const { type, ...rest } = value;
    const fields = Object.entries(rest).filter(([, one]) => one !== null && one !== undefined);
    const inside = fields.map(([key, one]) => `${key} ${show(one)}`).join(", ");
    return type === undefined ? inside : `${String(type)}${inside === "" ? "" : ` (${inside})`}`;
  }
  return Number.isInteger(value) ? count(value as number) : String(value);
}

/** The same, shorter: four digits of a number that is not whole. */
export function said(value: unknown): string {
  return typeof value === "number" && !Number.isInteger(value) ? number(value) : show(value);
}

/** A field's name in words: `learning_rate` as "learning rate", `optimizer.momentum` as "optimizer momentum". */
export function fieldName(field: string): string {
  if (field === "timeout_s") return "time limit in seconds";
  if (field === "dataset.n") return "data set rows";
  if (["dataset", "dataset.id", "dataset.name"].includes(field)) return "data set";
  return field
    .replace(/^dataset\./, "data set ")
    .replace(/^architecture\.(?!type$)|^resources\./, "")
    .replace(/^(\w+)\.type$/, "$1")
    .replace(/\.(\d+)(?=\.|$)/g, (_, at: string) => `, entry ${Number(at) + 1}`)
    .replace(/[._]/g, " ");
}

/** The label of a field's control, also of the base job of a sweep and of what varies in it: "Learning rate". */
export function fieldLabel(path: string): string {
  const name = path
    .replace(/^base\.|^space\./, "")
    .replace(/^architecture\.hidden\.(\d+)$/, (_, at: string) => `neurons of layer ${Number(at) + 1}`)
    .replace(/^architecture\.channels\.(\d+)$/, (_, at: string) => `channels of layer ${Number(at) + 1}`)
    .replace(/\.(?:uniform|log_uniform|integers)\.([01])$/, (_, at: string) => (at === "0" ? ", from" : ", to"))
    .replace(/\.(choice|uniform|log_uniform|integers)(?=\.|$)/, "");
  return capital(fieldName(name));
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
