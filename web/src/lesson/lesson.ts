/** A lesson's claims against what its runs showed, its controls, and its jobs. */

import type { Job, Schemas } from "../lib/api";
import { decimal } from "../lib/fields";
import { metric as shown, metricName } from "../lib/format";
import { hasEnded } from "../lib/states";

export type Lesson = Schemas["LessonView"];
export type Claim = Lesson["claims"][number];
type Figure = Schemas["Figure"];
export type Columns = Readonly<Record<string, readonly (number | null)[]>>;

export interface Run {
  readonly job: Job;
  readonly curve: Columns;
}

/** A run with the name that it has in its lesson. */
export interface NamedRun extends Run {
  readonly name: string;
}

/** What a run showed when it had ended. */
export interface Seen {
  readonly curve: Columns;
  readonly stopReason: string | null;
  readonly verdict: string | null;
}

export interface Checked {
  readonly sentence: string;
  /** null: a run of it has not ended yet. */
  readonly holds: boolean | null;
}

/** What each run showed that has ended with a result; a loss that became no number is one. */
export function seenIn(runs: readonly NamedRun[]): ReadonlyMap<string, Seen> {
  const finished = runs.filter(({ job }) => job.status === "succeeded" || job.failure?.reason === "diverged");
  return new Map(finished.map(({ name, job, curve }) => [name, { curve, stopReason: job.stop_reason, verdict: job.verdict?.kind ?? null }]));
}

/** A claim in words, with the numbers that the runs showed, and whether it holds. */
export function check(claim: Claim, seen: ReadonlyMap<string, Seen>): Checked {
  return "metric" in claim ? figure(claim, seen) : ending(claim, seen);
}

function figure(claim: Figure, seen: ReadonlyMap<string, Seen>): Checked {
  const below = claim.below ?? null;
  const limit = below ?? claim.above ?? 0;
  const word = below === null ? "above" : "below";
  const value = valueOf(claim, seen.get(claim.run));
  const other = typeof limit === "string" ? valueOf(claim, seen.get(limit)) : limit;
  const at = claim.at === "last" || claim.at === undefined ? "" : typeof claim.at === "number" ? ` at epoch ${claim.at}` : ` at its ${claim.at}`;
  const missing = [claim.run, limit].find((run) => typeof run === "string" && seen.has(run) && valueOf(claim, seen.get(run)) === null);
  if (missing !== undefined) return { sentence: `${missing}: ${metricName(claim.metric)}${at} was not measured`, holds: false };
  const text = (number: number | null): string => (number === null ? "" : ` ${shown(claim.metric, number)}`);
  const against = typeof limit === "string" ? `that of ${limit}${other === null ? "" : ` (${shown(claim.metric, other)})`}` : shown(claim.metric, limit);
  return {
    sentence: `${claim.run}: ${metricName(claim.metric)}${text(value)}${at} is ${word} ${against}`,
    holds: value === null || other === null ? null : word === "below" ? value < other : value > other,
  };
}

/** The claim's value of a run; infinite where the metric was no finite number, null before the run has ended or where it was not measured. */
function valueOf({ metric, at = "last" }: Figure, seen: Seen | undefined): number | null {
  const column = seen?.curve[metric]?.map((value) => value ?? Infinity);
  if (column === undefined || column.length === 0) return null;
  if (at === "last") return column.at(-1) ?? null;
  if (at === "lowest") return column.reduce((least, value) => Math.min(least, value));
  if (at === "highest") return column.reduce((most, value) => Math.max(most, value));
  const epochs = seen?.curve["epoch"] ?? [];
  const place = epochs.indexOf(at);
  return place < 0 ? null : (column[place] ?? null);
}

function ending(claim: Schemas["Ending"], seen: ReadonlyMap<string, Seen>): Checked {
  const run = seen.get(claim.run);
  const words = (text: string): string => text.replaceAll("_", " ");
  const parts: string[] = [];
  if (claim.stopped_by) parts.push(`it is stopped by ${words(claim.stopped_by)}`);
  if (claim.verdict) parts.push(`its verdict is ${words(claim.verdict)}`);
  return {
    sentence: `${claim.run}: ${parts.join(", and ")}`,
    holds: run === undefined ? null : (claim.stopped_by ?? run.stopReason) === run.stopReason && (claim.verdict ?? run.verdict) === run.verdict,
  };
}

/** About so many epochs of a curve that grows are drawn. */
const POINTS = 400;

/** How many epochs of a job's curve are asked for; all of one that has ended, for claims are checked by each of them. */
export function pointsOf({ status }: Pick<Job, "status">): { points?: number } {
  return hasEnded(status) ? {} : { points: POINTS };
}

type Body = Readonly<Record<string, unknown>>;

/** The value at a path of a job's body: `optimizer.momentum`. A part that is given by its name has no fields. */
export function valueAt(body: Body, path: string): unknown {
  let at: unknown = body;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  if (typeof at === "object" && at !== null && "type" in at) return at.type;
  return at;
}

/** The body with another value at a path. */
export function withValue(body: Body, path: string, value: unknown): Record<string, unknown> {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...body, [name]: value };
  const part = body[name];
  const inside = typeof part === "string" ? { type: part } : ((part ?? {}) as Record<string, unknown>);
  const made = withValue(inside, rest.join("."), value);
  const type = made["type"] === "cnn" ? "cnn" : "mlp"; // of all networks, these two have hidden layers
  return { ...body, [name]: path === "architecture.hidden" ? { ...made, type } : made };
}

/** The body with what was written in some controls, by path; its name says after `title` what was changed. */
export function variant(body: Body, title: string, changed: readonly (readonly [path: string, text: string])[]): Record<string, unknown> {
  let made: Record<string, unknown> = { ...body };
  for (const [path, text] of changed) {
    const value = path === "architecture.hidden" ? layers(text) : text.trim() === "" ? null : parsed(text);
    made = withValue(made, path, value);
  }
  const words = changed.map(([path, text]) => `${path.replace(/^.*\./, "").replaceAll("_", " ")} ${text}`).join(", ");
  return { ...made, name: `${title}, ${words}`.slice(0, 200) };
}

/** A control's text as a value: a number, true or false, a list such as 16-16, or a word. */
export function parsed(text: string): unknown {
  const plain = text.trim();
  if (plain === "true" || plain === "false") return plain === "true";
  if (/^[1-9]\d{0,2}(,\d{3})+$/.test(plain)) return plain; // of whole numbers, "1,000" may be a thousand
  return decimal(plain) ?? plain;
}

/** Layers as people write them: `16-16`, `16, 16` or `16`; null when they are not. */
export function layers(text: string): number[] | null {
  const sizes = text.split(/[-,\s]+/).filter((part) => part !== "").map(Number);
  return sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0) ? sizes : null;
}

/** A value in a control. */
export function written(value: unknown): string {
  return value === undefined || value === null ? "" : Array.isArray(value) ? value.join("-") : String(value);
}

/** A run's name: the name of its job without the lesson's. */
export function runName(lesson: string, job: Pick<Job, "name" | "id">): string {
  const name = job.name ?? job.id;
  return name.startsWith(`${lesson} `) ? name.slice(lesson.length + 1) : name;
}

/** Whether a job's data have two inputs, so that its boundary can be drawn. */
export function isPlane(dataset: unknown): boolean {
  const data = typeof dataset === "string" ? { name: dataset } : (dataset as { name?: string; x?: unknown[][]; features?: number });
  if (data.x !== undefined) return data.x[0]?.length === 2;
  return ["xor", "moons", "circles", "spirals", "blobs"].includes(data.name ?? "") && (data.features ?? 2) === 2;
}
