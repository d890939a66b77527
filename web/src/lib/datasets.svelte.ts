/** The names of uploaded data sets, which jobs know by their ids. */

import { SvelteMap } from "svelte/reactivity";
import { api, ApiError, ask, type Schemas } from "./api";
import { shortId } from "./format";
import { datasetName } from "./spec";

/** null: it was deleted, or is not shared with who asks; nobody else knows its name. */
const names = new SvelteMap<string, string | null>();
/** Asked for; no state, for nothing is drawn from it. */
const wanted = new Set<string>();
let newest: Promise<readonly Schemas["DatasetSummary"][]> | null = null;

/** What people call a job's data set: its name; the short id while that is not known; "1234abcd (deleted)". */
export function calledDataset(dataset: unknown): string {
  const id = datasetName(dataset);
  if (!id.startsWith("ds_")) return id;
  const known = names.get(id);
  if (known === undefined && !wanted.has(id)) queueMicrotask(() => void learn(id));
  return known === null ? `${shortId(id)} (deleted)` : (known ?? shortId(id));
}

/** Whether an uploaded data set is there no more, as far as is known. */
export function isDeleted(dataset: unknown): boolean {
  return names.get(datasetName(dataset)) === null;
}

/** One request names the newest version of each; another one a version that is not the newest. */
async function learn(id: string): Promise<void> {
  if (wanted.has(id)) return;
  wanted.add(id);
  newest ??= ask(api.GET("/api/v1/datasets")).then(({ datasets }) => datasets, () => []);
  for (const one of await newest) names.set(one.id, one.name);
  if (names.has(id)) return;
  await ask(api.GET("/api/v1/datasets/{dataset_id}", { params: { path: { dataset_id: id } } })).then(
    ({ name }) => names.set(id, name),
    (error: unknown) => error instanceof ApiError && error.status === 404 && names.set(id, null),
  );
}
