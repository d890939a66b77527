/** The jobs of a lesson while they train: one stream tells which of them changed, and their curves are asked for then. */

import { api, ask, type ApiError } from "../lib/api";
import { live } from "../lib/live.svelte";
import { asApiError } from "../lib/resource.svelte";
import { pointsOf, type Columns, type Run } from "./lesson";

export class Runs {
  /** In the order of `ids`; a job that is not known yet is left out. */
  list = $state.raw<readonly Run[]>([]);
  error = $state.raw<ApiError | null>(null);
  #found = new Map<string, Run>();
  #asked = new Set<string>();
  #again = new Set<string>();
  /** Jobs whose question failed, and is asked again after a while. */
  #later = new Set<string>();
  #gone = false;

  /** In a component: follow the jobs that `ids` names, and what is added to them. */
  constructor(ids: () => readonly string[]) {
    $effect(() => {
      this.#gone = false; // an effect may run again
      return () => (this.#gone = true);
    });
    $effect(() => {
      const wanted = ids();
      this.#publish(wanted);
      for (const id of wanted) if (!this.#found.has(id)) void this.#load(id, ids);
    });
    $effect(() =>
      live.onJob((news) => {
        if (ids().includes(news.id)) void this.#load(news.id, ids);
      }),
    );
    $effect(() =>
      live.onReload(() => {
        for (const id of ids()) void this.#load(id, ids);
      }),
    );
  }

  async #load(id: string, ids: () => readonly string[]): Promise<void> {
    if (this.#later.has(id)) return;
    if (this.#asked.has(id)) {
      this.#again.add(id); // it changed while it was asked for
      return;
    }
    this.#asked.add(id);
    try {
      do {
        this.#again.delete(id);
        const path = { job_id: id };
        const job = await ask(api.GET("/api/v1/jobs/{job_id}", { params: { path } })); // before its curve: none is missed
        const curve = await ask(api.GET("/api/v1/jobs/{job_id}/curve", { params: { path, query: pointsOf(job) } }));
        if (this.#gone) return;
        this.#found.set(id, { job, curve: curve as Columns });
        this.#publish(ids());
        this.error = null;
      } while (this.#again.has(id));
    } catch (error) {
      this.error = asApiError(error);
      if (this.error.againMs === null) return;
      this.#later.add(id);
      setTimeout(() => {
        this.#later.delete(id);
        if (!this.#gone && ids().includes(id)) void this.#load(id, ids);
      }, this.error.againMs);
    } finally {
      this.#asked.delete(id);
    }
  }

  #publish(ids: readonly string[]): void {
    this.list = ids.flatMap((id) => this.#found.get(id) ?? []);
  }
}
