/** The curves of many jobs, a few asked for at a time; kept while the view is open. */

import { untrack } from "svelte";
import { api, ask } from "./api";
import type { Columns } from "./groups";
import { asApiError } from "./resource.svelte";

const AT_ONCE = 6;
/** Epochs of a curve: more than a chart has room for. */
const POINTS = 500;

export class Curves {
  /** By id of the job. */
  all = $state.raw<ReadonlyMap<string, Columns>>(new Map());
  /** Jobs whose curves are not there yet. */
  waiting = $state(0);
  readonly #wanted = new Set<string>();
  #running = 0;
  /** Jobs whose question failed, and is asked again after a while. */
  readonly #failed = new Set<string>();
  #gone = false;

  /** With a column `seconds`, if they are drawn along time. */
  constructor(readonly seconds = false) {
    $effect(() => {
      this.#gone = false; // an effect may run again
      return () => (this.#gone = true);
    });
  }

  /** The curves of these jobs that are there. */
  of(ids: readonly string[]): Columns[] {
    return ids.map((id) => this.all.get(id)).filter((curve) => curve !== undefined);
  }

  /** Ask for those that are not known. */
  want(ids: readonly string[]): void {
    const known = untrack(() => this.all);
    this.again(ids.filter((id) => !known.has(id)));
  }

  /** Ask again, because the job has more epochs; one that failed waits for its time. */
  again(ids: Iterable<string>): void {
    for (const id of ids) if (!this.#failed.has(id)) this.#wanted.add(id);
    this.#go();
  }

  #go(): void {
    while (this.#running < AT_ONCE && this.#wanted.size > 0) {
      const [id = ""] = this.#wanted;
      this.#wanted.delete(id);
      this.#running += 1;
      void this.#ask(id);
    }
    this.waiting = this.#running + this.#wanted.size + this.#failed.size;
  }

  async #ask(id: string): Promise<void> {
    try {
      const curve = await ask(api.GET("/api/v1/jobs/{job_id}/curve", { params: { path: { job_id: id }, query: { points: POINTS, seconds: this.seconds } } }));
      if (!this.#gone) this.all = new Map(this.all).set(id, curve as Columns);
    } catch (error) {
      const wait = asApiError(error).againMs;
      if (wait !== null) this.#later(id, wait);
      else if (!this.#gone) this.all = new Map(this.all).set(id, {}); // a job that is gone has no curve; the view says which
    }
    this.#running -= 1;
    if (!this.#gone) this.#go();
  }

  #later(id: string, ms: number): void {
    if (this.#failed.has(id)) return;
    this.#failed.add(id);
    setTimeout(() => {
      this.#failed.delete(id);
      if (!this.#gone) this.again([id]);
    }, ms);
  }
}

/** Names of the columns with values: those that are seen first come first. */
export function metricsOf(curves: Iterable<Columns>): string[] {
  const names = new Set<string>();
  for (const curve of curves) {
    for (const [name, values] of Object.entries(curve)) {
      if (name !== "epoch" && name !== "seconds" && values.some((value) => value !== null)) names.add(name);
    }
  }
  const order = (name: string): number => (name === "val_loss" ? 0 : name.startsWith("val_") ? 1 : name.startsWith("train_") ? 2 : 3);
  return [...names].sort((a, b) => order(a) - order(b) || a.localeCompare(b));
}
