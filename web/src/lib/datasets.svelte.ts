/** The names of uploaded data sets, which jobs know by their ids. */

import { SvelteMap } from "svelte/reactivity";
import { api, ask } from "./api";
import { shortId } from "./format";
import { datasetName } from "./spec";

const names = new SvelteMap<string, string>();
/** Asked for; no state, for nothing is drawn from it. */
const wanted = new Set<string>();

/** What people call a job's data set: its name; the short id while that is not known, or where it is gone. */
export function calledDataset(dataset: unknown): string {
  const id = datasetName(dataset);
  if (!id.startsWith("ds_")) return id;
  const known = names.get(id);
  if (known === undefined && !wanted.has(id)) queueMicrotask(() => void learn(id));
  return known ?? shortId(id);
}

/** One request names all that there are, however many are shown. */
async function learn(id: string): Promise<void> {
  if (wanted.has(id)) return;
  wanted.add(id);
  const found = await ask(api.GET("/api/v1/datasets")).catch(() => null);
  for (const one of found?.datasets ?? []) {
    wanted.add(one.id);
    names.set(one.id, one.name);
  }
}
