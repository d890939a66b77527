/** The names of uploaded data sets, which jobs know by their ids. */

import { SvelteMap } from "svelte/reactivity";
import { api, ApiError, ask, type Schemas } from "./api";
import { shortId } from "./format";
import { datasetName } from "./spec";

interface Known {
  /** null: nobody knows its name who may tell it. */
  readonly name: string | null;
  readonly deleted: boolean;
}

const known = new SvelteMap<string, Known>();
/** Asked for; no state, for nothing is drawn from it. */
const wanted = new Map<string, Promise<void>>();
let newest: Promise<Schemas["DatasetPage"]> | null = null;

/** What people call a job's data set: its name, with "(deleted)" if it is gone; the short id while that is not known. */
export function calledDataset(dataset: unknown): string {
  const id = datasetName(dataset);
  if (!id.startsWith("ds_")) return id;
  const found = known.get(id);
  if (found === undefined && !wanted.has(id)) queueMicrotask(() => void learn(id));
  return `${found?.name ?? shortId(id)}${found?.deleted ? " (deleted)" : ""}`;
}

/** Whether an uploaded data set is there no more, as far as is known. */
export function isDeleted(dataset: unknown): boolean {
  return known.get(datasetName(dataset))?.deleted === true;
}

/** It was deleted here, just now. */
export function forget(id: string, name: string | null): void {
  known.set(id, { name, deleted: true });
  newest = null; // it was listed there
}

/** Ask what a data set is called, once it is answered; a question that failed is asked again. */
export function learn(id: string): Promise<void> {
  const asked = wanted.get(id) ?? find(id).finally(() => known.has(id) || wanted.delete(id));
  wanted.set(id, asked);
  return asked;
}

/** One request names the newest data sets and those that were deleted; another one what is older. */
async function find(id: string): Promise<void> {
  newest ??= ask(api.GET("/api/v1/datasets")).catch(() => ((newest = null), { datasets: [] }));
  const page = await newest;
  for (const one of page.deleted ?? []) known.set(one.id, { name: one.name, deleted: true });
  for (const one of page.datasets) known.set(one.id, { name: one.name, deleted: false });
  if (known.has(id)) return;
  await ask(api.GET("/api/v1/datasets/{dataset_id}", { params: { path: { dataset_id: id } } })).then(
    ({ name }) => known.set(id, { name, deleted: false }),
    (error: unknown) => error instanceof ApiError && error.status === 404 && known.set(id, { name: null, deleted: true }),
  );
}
