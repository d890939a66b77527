/** The lines of compared jobs, a job or a group each, with names and texts that tell them apart. Every function is pure. */

import type { Job } from "../../lib/api";
import { shortId } from "../../lib/format";
import { differing, distinct, grouped, leaves, telling } from "../../lib/groups";
import { datasetName, fieldName, said, show } from "../../lib/spec";

export interface Line {
  readonly name: string;
  /** By this the address hides it: the id of a job, the name of a group. */
  readonly key: string;
  /** The places of its jobs among all. */
  readonly places: readonly number[];
}

/** Names that are no other's: those of one name have their ids, too. */
export function toldApart(names: readonly string[], ids: readonly string[]): string[] {
  const places = grouped(names);
  return names.map((name, i) => ((places.get(name)?.length ?? 0) > 1 ? `${name} ${shortId(ids[i] ?? "")}` : name));
}

/** So many fields are said in a name. */
const SAID = 4;

/** What a job is called among these: by its name; those of one name, or of none, by what differs between them; else by their ids. */
export function namesOf(jobs: readonly Pick<Job, "name" | "id" | "spec">[], uploads: ReadonlyMap<string, string>): string[] {
  const names = jobs.map(({ name }) => name ?? "");
  for (const [name, places] of grouped(names)) {
    if (name !== "" && places.length === 1) continue;
    const among = places.length > 1 ? places : jobs.map((_, i) => i); // alone, it differs from all others
    const fields = telling(differing(among.map((i) => jobs[i]?.spec))).slice(0, SAID).map(({ field, values }) => ({ field, values, texts: textsOf(values, uploads) }));
    for (const i of places) {
      const at = among.indexOf(i);
      const words = fields.filter(({ values }) => values[at] !== undefined).map(({ field, texts }) => `${fieldName(field)} ${texts[at]}`);
      names[i] = [name, ...words].filter((part) => part !== "").join(", ") || shortId(jobs[i]?.id ?? "");
    }
  }
  return toldApart(names, jobs.map(({ id }) => id));
}

/** The names of uploaded data sets by their ids; `called` knows each. */
export function uploadsOf(jobs: readonly Pick<Job, "spec">[], called: (dataset: { readonly id: string }) => string): Map<string, string> {
  const ids = [...new Set(jobs.map((job) => datasetName(job.spec.dataset)).filter((id) => id.startsWith("ds_")))];
  const names = toldApart(ids.map((id) => called({ id })), ids);
  return new Map(ids.map((id, i) => [id, names[i] ?? id]));
}

/** Seeds and rates that differ have texts that differ. */
export function textsOf(values: readonly unknown[], uploads: ReadonlyMap<string, string>): string[] {
  const text = (of: (value: unknown) => string) => (value: unknown): string => uploads.get(String(value)) ?? (value === undefined ? "–" : of(value));
  return distinct(values, text(said), text(show));
}

/** A line for each job, or for each value of the field `by`. */
export function linesOf(jobs: readonly Pick<Job, "id" | "spec">[], names: readonly string[], by: string, uploads: ReadonlyMap<string, string>): Line[] {
  if (by === "") return [...grouped(names)].map(([name, places]) => ({ name, places, key: jobs[places[0] ?? 0]?.id ?? "" }));
  const texts = textsOf(jobs.map((job) => leaves(job.spec).get(by)), uploads);
  return [...grouped(texts.map((text) => `${fieldName(by)} ${text}`))].map(([name, places]) => ({ name, places, key: name }));
}
