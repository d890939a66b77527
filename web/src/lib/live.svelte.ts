/**
 * One stream for the whole page: every job and sweep that the reader may see, as it changes. A view listens:
 *
 *     $effect(() => live.onJob((news) => (job = { ...job, ...news })));
 *     $effect(() => live.onReload(() => rows.reload()));
 */

import { PREFIX, type Job, type Schemas } from "./api";
import { clock } from "./clock.svelte";
import { follow } from "./sse";

export type Sweep = Schemas["SweepSummary"];
/** What changes of a job: all but its spec, its verdict, its place in the queue and its links. */
export type JobNews = Omit<Job, "spec" | "verdict" | "queue" | "replays" | "mlflow" | "links" | "warnings">;
type Listener<T> = (value: T) => void;

/** So many jobs' news, and so many deletions, are remembered: more than come while a question is on its way. */
const RECENT = 1000;

class Live {
  /** "lost" shows the banner; the stream comes back by itself. */
  state = $state<"idle" | "open" | "lost">("idle");
  #jobs = new Set<Listener<JobNews>>();
  #sweeps = new Set<Listener<Sweep>>();
  #deletions = new Set<Listener<string>>();
  #reloads = new Set<Listener<undefined>>();
  readonly #recent = new Map<string, JobNews>();
  /** Jobs that were deleted lately: an answer that is older has them still. */
  readonly #deleted = new Set<string>();
  #stop: (() => void) | null = null;

  /** Begin to follow; when somebody has signed in. */
  start(): void {
    this.stop();
    this.#recent.clear();
    this.#deleted.clear();
    this.#stop = follow(`${PREFIX}/jobs/stream`, {
      onEvent: ({ event, data }) => {
        if (event === "job") this.#hear(JSON.parse(data) as JobNews);
        if (event === "deleted") this.#drop((JSON.parse(data) as { id: string }).id);
        if (event === "reload") tell(this.#reloads, undefined);
        if (event === "sweep") tell(this.#sweeps, JSON.parse(data) as Sweep);
      },
      onState: (open) => (this.state = open ? "open" : "lost"),
      onDate: (date) => clock.follow(date),
      onRefused: () => (this.state = "idle"),
    });
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
    this.state = "idle";
  }

  /** A job of an answer, with the news that overtook the answer on its way. */
  newest<T extends Pick<Job, "id" | "updated_at">>(job: T): T {
    const news = this.#recent.get(job.id);
    return news !== undefined && Date.parse(news.updated_at) > Date.parse(job.updated_at) ? { ...job, ...news } : job;
  }

  /** The jobs of an answer as they are now, without those that were deleted while it was on its way. */
  current<T extends Pick<Job, "id" | "updated_at">>(jobs: readonly T[]): T[] {
    return jobs.filter(({ id }) => !this.#deleted.has(id)).map((job) => this.newest(job));
  }

  #hear(news: JobNews): void {
    this.#recent.delete(news.id); // the newest are last
    this.#recent.set(news.id, news);
    forget(this.#recent);
    tell(this.#jobs, news);
  }

  #drop(id: string): void {
    this.#deleted.add(id);
    forget(this.#deleted);
    tell(this.#deletions, id);
  }

  /** Each job that changes, at most once a second each. The answer ends it, as `$effect` wants it. */
  onJob(listener: Listener<JobNews>): () => void {
    this.#jobs.add(listener);
    return () => this.#jobs.delete(listener);
  }

  /** The id of each job that is deleted, by whomever. */
  onDeleted(listener: Listener<string>): () => void {
    this.#deletions.add(listener);
    return () => this.#deletions.delete(listener);
  }

  /** Too much has changed to say it: whatever is shown must be asked for again. */
  onReload(listener: () => void): () => void {
    this.#reloads.add(listener);
    return () => this.#reloads.delete(listener);
  }

  /** Each sweep that changes. */
  onSweep(listener: Listener<Sweep>): () => void {
    this.#sweeps.add(listener);
    return () => this.#sweeps.delete(listener);
  }
}

/** Keep the newest, which are last. */
function forget(recent: Map<string, unknown> | Set<string>): void {
  const [oldest = ""] = recent.keys();
  if (recent.size > RECENT) recent.delete(oldest);
}

function tell<T>(listeners: ReadonlySet<Listener<T>>, value: T): void {
  for (const listener of listeners) listener(value);
}

export const live = new Live();
