/** The names of uploaded data sets, which jobs know by their ids. */

import { SvelteMap } from "svelte/reactivity";
import { api, ask, type Schemas } from "./api";
import { shortId } from "./format";
import { datasetName } from "./spec";

const names = new SvelteMap<string, string>();
/** Asked for; no state, for nothing is drawn from it. */
const wanted = new Set<string>();
let newest: Promise<readonly Schemas["DatasetSummary"][]> | null = null;

/** What people call a job's data set: its name; the short id while that is not known, or where it is gone. */
export function calledDataset(dataset: unknown): string {
  const id = datasetName(dataset);
  if (!id.startsWith("ds_")) return id;
  const known = names.get(id);
  if (known === undefined && !wanted.has(id)) queueMicrotask(() => void learn(id));
  return known ?? shortId(id);
}

/** One request names the newest version of each; another one a version that is not the newest. */
async function learn(id: string): Promise<void> {
  if (wanted.has(id)) return;
  wanted.add(id);
  newest ??= ask(api.GET("/api/v1/datasets")).then(({ datasets }) => datasets, () => []);
  for (const one of await newest) names.set(one.id, one.name);
  if (names.has(id)) return;
  const found = await ask(api.GET("/api/v1/datasets/{dataset_id}", { params: { path: { dataset_id: id } } })).catch(() => null);
  if (found !== null) names.set(id, found.name);
}
