/** A job as it goes on: the stream tells that it changed; what its news do not say is asked for then, and of its curve what is new. */

import { untrack } from "svelte";
import { api, ask, type ApiError, type Job, type Schemas } from "../../lib/api";
import { joined, type Curve } from "../../lib/curve";
import { Fresh } from "../../lib/fresh.svelte";
import { live } from "../../lib/live.svelte";
import { resource, type Resource } from "../../lib/resource.svelte";

/** Epochs of the curve as it is loaded; more than a chart has pixels. */
const POINTS = 1500;
const QUEUE_MS = 5000;

export class WatchedJob {
  /** null until it is known. */
  job = $state.raw<Job | null>(null);
  curve = $state.raw<Curve>({});
  readonly history: Resource<Schemas["Events"]>;
  readonly #asked: Resource<Job>;
  readonly #points: Fresh<void>;
  /** Whether the next question is for the whole curve. */
  #whole = true;
  #queued = $derived(this.job?.status === "queued");
  #heard = untrack(() => live.state);

  /** In a component: follow the job of that id. */
  constructor(id: () => string) {
    const path = $derived({ job_id: id() });
    this.#asked = resource((signal) => ask(api.GET("/api/v1/jobs/{job_id}", { params: { path }, signal })));
    this.history = resource((signal) => ask(api.GET("/api/v1/jobs/{job_id}/events", { params: { path }, signal })));

    $effect(() => {
      const found = this.#asked.data;
      if (found === undefined) return;
      this.job = found;
      if (live.newest(found).status !== found.status) untrack(() => this.reload());
    });

    // The short view of the news has neither verdict nor place in the queue, so a new state is asked for.
    $effect(() =>
      live.onJob((news) => {
        if (news.id !== path.job_id || this.job === null) return;
        const { status, attempt } = this.job;
        this.#whole ||= news.status !== status || news.attempt !== attempt;
        if (news.status !== status) this.reload();
        else {
          this.job = { ...this.job, ...news };
          this.#points.stale();
        }
      }),
    );
    $effect(() => live.onReload(() => this.reload()));
    $effect(() => live.onDeleted((id) => id === path.job_id && this.#asked.reload()));

    // The curve as it is, then what is new of it; all of it again after a restart, whose epochs are trained anew.
    this.#points = new Fresh(async (signal) => {
      const all = this.#whole;
      this.#whole = false;
      const query = all ? { points: POINTS } : { from: (untrack(() => this.curve)["epoch"]?.at(-1) ?? 0) + 1 };
      try {
        const part = (await ask(api.GET("/api/v1/jobs/{job_id}/curve", { params: { path, query }, signal }))) as Curve;
        this.curve = all ? part : joined(this.curve, part);
      } catch (error) {
        this.#whole ||= all;
        throw error;
      }
    }, 500);

    // Its place in the queue changes with the jobs of others, of which no news come.
    $effect(() => {
      if (!this.#queued) return;
      const timer = setInterval(() => document.hidden || this.#asked.reload(), QUEUE_MS);
      return () => clearInterval(timer);
    });

    // What changed after the job was asked for, but before the stream was there.
    $effect(() => {
      if (live.state === "open" && this.#heard !== "open") untrack(() => this.reload());
      this.#heard = live.state;
    });
  }

  get error(): ApiError | null {
    return this.#asked.error;
  }

  reload(): void {
    this.#asked.reload();
    this.history.reload();
    this.#points.stale();
  }
}
