/** What varies in a sweep, as its form has it: which fields can, with which control, and as the API takes it. Every function is pure. */

import { kindOf, looseText, parseLoose } from "../../lib/fields";
import { defaults, isRecord, resolve, type Schema, type Schemas } from "../../lib/json";
import { fieldLabel } from "../../lib/spec";

export type Way = "choice" | "uniform" | "log_uniform" | "integers";
export type Body = Readonly<Record<string, unknown>>;

/** A field of a job that a sweep can vary. */
export interface Varied {
  /** Such as `optimizer.momentum`. */
  readonly path: string;
  readonly label: string;
  /** Words to tick; empty where its values are written. */
  readonly options: readonly string[];
  /** How its values can be given; the first is the usual one. */
  readonly ways: readonly Way[];
  /** Whether each value is a list itself, such as the layers of a network. */
  readonly lists: boolean;
  /** Its value in the base job. */
  readonly now: unknown;
}

/** What is set elsewhere, or says nothing of how a network is trained. */
const FIXED = new Set(["version", "name", "project", "tags", "dataset", "seed", "fold", "folds", "monitor", "resources", "priority", "max_attempts", "timeout_s", "init_from", "keep_optimizer"]);

/** What people vary most; the others come behind, as the API has them. */
const COMMON = ["learning_rate", "architecture.hidden", "optimizer", "dropout", "batch_size", "activation", "weight_decay", "loss", "epochs"];

/** Where a field's value in the base job says nothing of its range. */
const USUAL: Body = {
  dropout: { uniform: [0, 0.5] },
  weight_decay: { log_uniform: [0.00001, 0.1] },
  l1: { log_uniform: [0.00001, 0.1] },
  label_smoothing: { uniform: [0, 0.2] },
  "optimizer.momentum": { choice: [0, 0.5, 0.9] },
  patience: { choice: [5, 10, 20] },
};

/** All fields that can vary in a base job, those that are often varied first. */
export function variable(all: Schemas, base: Body, space: Body): Varied[] {
  const found = Object.entries(all["JobSpec-Input"]?.properties ?? {})
    .filter(([name]) => !FIXED.has(name))
    .flatMap(([name, schema]) => field(name, schema, all, base[name] ?? schema.default, tagsIn(space[name])));
  const place = (one: Varied): number => (COMMON.includes(one.path) ? COMMON.indexOf(one.path) : COMMON.length);
  return found.sort((a, b) => place(a) - place(b));
}

export function isCommon(path: string): boolean {
  return COMMON.includes(path);
}

/** A field, and those that are in it. */
function field(path: string, schema: Schema, all: Schemas, now: unknown, more: readonly string[] = []): Varied[] {
  const kind = kindOf(schema, all);
  const one = (options: readonly string[], ways: readonly Way[], lists = false): Varied => ({ path, label: fieldLabel(path), options, ways, lists, now });
  switch (kind.kind) {
    case "choice":
      return [one(kind.options, ["choice"])];
    case "text":
      return [one([], ["choice"])];
    case "boolean":
      return [one(["true", "false"], ["choice"])];
    case "number":
      return [one([], kind.integer ? ["choice", "integers"] : ["log_uniform", "uniform", "choice"])];
    case "loose": {
      const lists = (resolve(schema, all).anyOf ?? [schema]).every((part) => resolve(part, all).type === "array");
      return [one([], lists ? ["choice"] : ["choice", "uniform", "log_uniform", "integers"], lists)];
    }
    case "object":
      return Object.entries(kind.properties).flatMap(([key, part]) => field(`${path}.${key}`, part, all, isRecord(now) ? now[key] : part.default));
    case "variant": {
      const tag = isRecord(now) ? String(now[kind.key]) : String(now ?? "");
      const inside = new Map([tag, ...more].flatMap((name) => Object.entries(kind.options[name]?.properties ?? {})));
      inside.delete(kind.key);
      return [one(Object.keys(kind.options), ["choice"]), ...[...inside].flatMap(([key, part]) => field(`${path}.${key}`, part, all, isRecord(now) && key in now ? now[key] : part.default))];
    }
  }
}

/** The names among the values of a parameter: their own fields can vary too. */
function tagsIn(parameter: unknown): string[] {
  return choices(parameter).map((value) => (isRecord(value) ? String(value["type"]) : String(value)));
}

/** A field that only a text has named: of another kind of network, or misspelt. */
export function unknown(path: string): Varied {
  return { path, label: fieldLabel(path), options: [], ways: ["choice", "uniform", "log_uniform", "integers"], lists: false, now: null };
}

/** The values of a choice; a list stands for one. */
export function choices(parameter: unknown): readonly unknown[] {
  const values = isRecord(parameter) ? parameter["choice"] : parameter;
  return Array.isArray(values) ? values : [];
}

export function wayOf(parameter: unknown): Way {
  return (["uniform", "log_uniform", "integers"] as const).find((way) => isRecord(parameter) && way in parameter) ?? "choice";
}

/** The least and the largest value, where there are two. */
export function limits(parameter: unknown): readonly unknown[] {
  const given = isRecord(parameter) ? parameter[wayOf(parameter)] : null;
  return Array.isArray(given) ? [given[0] ?? null, given[1] ?? null] : [null, null];
}

/** How a field varies when it is chosen: around its value in the base job. */
export function usual(one: Varied): Body {
  const { path, options, ways, now } = one;
  const given = USUAL[path];
  if (isRecord(given)) return given;
  if (options.length > 0) {
    const mine = isRecord(now) ? String(now["type"]) : String(now ?? options[0]);
    const other = path === "optimizer" && mine !== "sgd" ? "sgd" : options.find((option) => option !== mine);
    return { choice: [mine, other].filter((value) => value !== undefined).map(ticked) };
  }
  if (one.lists) {
    const sizes = Array.isArray(now) ? (now as unknown[]) : [16];
    return { choice: [sizes, sizes.map((size) => (typeof size === "number" ? 2 * size : size))] };
  }
  if (typeof now !== "number" || now <= 0) return ways[0] === "log_uniform" ? { uniform: [0, 1] } : { choice: now === null || now === undefined ? [] : [now] };
  return ways[0] === "log_uniform" ? { log_uniform: [rounded(now / 10), rounded(now * 10)] } : { choice: [now, 2 * now] };
}

/** The same field, varied in another way; limits stay, and values become limits. */
export function inWay(parameter: unknown, way: Way): Body {
  const { when } = isRecord(parameter) ? parameter : { when: undefined };
  const condition = when === undefined ? {} : { when };
  const values = (wayOf(parameter) === "choice" ? choices(parameter) : limits(parameter)).filter((value) => typeof value === "number");
  if (way === "choice") return { choice: values, ...condition };
  const low = Math.min(...(values.length > 0 ? values : [0]));
  const high = Math.max(...(values.length > 0 ? values : [1]));
  if (way === "integers") return { integers: [Math.round(low), Math.round(high)], ...condition };
  return { [way]: [way === "log_uniform" && low <= 0 ? rounded(high / 1000) : low, high], ...condition };
}

/** The parameter with a field of it changed; null is without it. */
export function changed(parameter: unknown, key: string, value: unknown): Body {
  const fields = isRecord(parameter) ? parameter : { choice: parameter };
  const { [key]: _, ...rest } = fields;
  return value === null ? rest : { ...fields, [key]: value }; // at its place
}

/** What a ticked word stands for. */
export function ticked(option: string): unknown {
  return option === "true" ? true : option === "false" ? false : option;
}

/** Values that stand in a text: with commas between; between lists, semicolons: `16; 32, 32`. JSON where it is some. */
export function valuesOf(text: string, lists = false): unknown[] {
  if (lists) {
    const parts = text.includes(";") || !text.includes("[") ? text.split(";") : split(text);
    return parts.map(parseLoose).filter((value) => value !== null).map((value) => (Array.isArray(value) ? value : [value]));
  }
  return split(text).map(parseLoose).filter((value) => value !== null);
}

/** The text of these values, as `valuesOf` reads it. */
export function textOf(values: readonly unknown[], lists = false): string {
  if (lists) return values.map(looseText).join("; ");
  return values.map((value) => (Array.isArray(value) ? JSON.stringify(value) : looseText(value))).join(", ");
}

/** At commas outside of brackets. */
function split(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("[{".includes(letter)) depth += 1;
    if ("]}".includes(letter)) depth -= 1;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

/** 0.1 x 3 is 0.3. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** What the API says of a field and of all that is in it. */
export function errorsAt(errors: readonly { path: string; message: string }[], field: string): string[] {
  return errors.filter((error) => error.path === field || error.path.startsWith(`${field}.`)).map(({ message }) => message);
}

/** The values of fields that a sweep does not give; null: TPE without one has a generation of its own. */
export function notGiven(all: Schemas, method: unknown): Body {
  const usual = defaults("SweepSpec-Input", all);
  return (method ?? usual["method"]) === "tpe" ? { ...usual, generation: null } : usual;
}

/** Methods that train all configurations they have, unless the sweep says how many. */
export function listing(all: Schemas): readonly string[] {
  return all["SweepSpec-Input"]?.properties?.["method"]?.["x-lists"] ?? [];
}

/** The most configurations of a sweep; what the API says of one that trains all it has. */
export function mostTrials(all: Schemas): number | undefined {
  return all["SweepSpec-Input"]?.properties?.["trials"]?.anyOf?.find((part) => part.maximum !== undefined)?.maximum;
}
