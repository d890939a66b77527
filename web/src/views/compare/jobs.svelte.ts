/** The jobs that are compared, with their curves: each is asked for once, and followed while it trains. */

import { untrack } from "svelte";
import { api, ask, type ApiError, type Job } from "../../lib/api";
import { Curves } from "../../lib/curves.svelte";
import { live } from "../../lib/live.svelte";
import { resource, type Resource } from "../../lib/resource.svelte";

const PAUSE_MS = 2000;

export class ComparedJobs {
  /** Ids of which there is no job. */
  missing = $state.raw<readonly string[]>([]);
  readonly curves = new Curves(true);
  readonly #ids: () => readonly string[];
  /** In the order of the ids; a job that is not known yet is left out. */
  readonly list = $derived.by(() => this.#ids().flatMap((id) => this.#known.get(id) ?? []));
  readonly #asked: Resource<true>;
  #known = $state.raw<ReadonlyMap<string, Job>>(new Map());
  #again = $state(0);

  /** In a component: follow the jobs of these ids. */
  constructor(ids: () => readonly string[]) {
    this.#ids = ids;
    this.#asked = resource((signal) => this.#load(signal));
    $effect(() => this.curves.want(ids()));
    $effect(() =>
      live.onReload(() => {
        this.#again += 1;
        this.curves.again(ids());
      }),
    );
    $effect(() =>
      live.onDeleted((id) => {
        if (!this.#known.has(id)) return;
        this.#known = new Map([...this.#known].filter(([one]) => one !== id));
        this.missing = [...this.missing, id];
      }),
    );
    $effect(() => this.#follow());
  }

  get error(): ApiError | null {
    return this.#asked.error;
  }

  get loading(): boolean {
    return this.#asked.loading;
  }

  reload(): void {
    this.#asked.reload();
  }

  async #load(signal: AbortSignal): Promise<true> {
    const [all, before] = [this.#again, untrack(() => this.#known)];
    const wanted = this.#ids().filter((id) => all > 0 || !before.has(id));
    const found = await Promise.all(
      wanted.map((job_id) => ask(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id } }, signal })).catch((error: unknown) => {
        if (signal.aborted || !(error instanceof Error) || !("status" in error) || error.status !== 404) throw error;
        return null;
      })),
    );
    const after = new Map(this.#known); // with the news that came meanwhile
    for (const id of wanted) after.delete(id);
    for (const job of live.current(found.filter((job) => job !== null))) after.set(job.id, job);
    if (found.length > 0) this.#known = after;
    this.missing = wanted.filter((id) => !after.has(id));
    return true;
  }

  /** Running jobs: their numbers as they come, their curves every two seconds. */
  #follow(): () => void {
    const changed = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.onJob((job) => {
      const before = this.#known.get(job.id);
      if (before === undefined) return;
      this.#known = new Map(this.#known).set(job.id, { ...before, ...job });
      changed.add(job.id);
      timer ??= setTimeout(() => {
        timer = undefined;
        this.curves.again(changed);
        changed.clear();
      }, PAUSE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }
}
