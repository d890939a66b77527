/** The jobs that the address asks for, page after page, with their news; and which of them are chosen. */

import { SvelteSet } from "svelte/reactivity";
import { api, ask, type ApiError, type ListedJob, type Schemas } from "../../lib/api";
import { Latest } from "../../lib/latest";
import { live, type JobNews } from "../../lib/live.svelte";
import { asApiError, whenBack } from "../../lib/resource.svelte";
import { address } from "../../lib/router.svelte";
import { toasts } from "../../lib/toasts.svelte";
import { filters } from "./filters";

const FIRST = 200;
export const MORE = 1000;
/** The server counts no more: the total is so many, or more. */
export const MOST_COUNTED = 10_000;
const TYPING_MS = 120;
const NEWS_MS = 250;
const PAUSE_MS = 1000;

type Page = Schemas["JobPage"];

export class JobList {
  rows = $state.raw<readonly ListedJob[]>([]);
  newer = $state.raw<readonly Schemas["NewerView"][]>([]);
  total = $state.raw<number | null>(null);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  /** Whether there may be others, or in another order, after news that the rows do not show. */
  stale = $state(false);
  /** Somebody has left for another view: what comes now is for nobody. */
  gone = false;
  readonly selected = new SvelteSet<string>();
  readonly chosen = $derived(this.rows.filter((row) => this.selected.has(row.id)));
  /** Rows that were asked for; of those that came since by themselves, so many more are kept as one request brings. */
  #loaded = 0;
  #next = $state.raw<string | null>(null);
  #loadingMore = false;
  #again = $state(0);
  readonly #wanted = $derived(filters.key);
  /** The query of the rows, but for their order. */
  #answered = "";
  // Jobs that were submitted since: their specs do not come with the news. One question at a time, at most each second.
  readonly #arrivals = new Latest<"newest">(() => this.#arrive(), () => !this.gone);

  /** In a component. */
  constructor() {
    $effect(() => () => (this.gone = true));
    $effect(() => this.#load());
    $effect(() => this.#follow());
    $effect(() => live.onReload(() => this.reload()));
    $effect(() => live.onDeleted((id) => this.#remove(id)));
    whenBack(() => this.error, () => this.reload());
  }

  reload(): void {
    this.#again += 1;
  }

  async more(): Promise<void> {
    if (this.#next === null || this.#loadingMore) return;
    this.#loadingMore = true;
    const before = this.#wanted;
    const cursor = this.#next;
    await toasts.guard(async () => {
      const page = await ask(api.GET("/api/v1/jobs", { params: { query: { ...filters.query(), limit: MORE, cursor } } }));
      if (this.gone || before !== this.#wanted || cursor !== this.#next) return;
      this.rows = [...this.rows, ...this.#unknown(page)];
      this.#loaded = this.rows.length;
      this.newer = [...this.newer, ...(page.newer ?? [])];
      this.#next = page.next;
    });
    this.#loadingMore = false;
  }

  #load(): () => void {
    void this.#wanted;
    void this.#again;
    const asked = filters.query();
    const asking = JSON.stringify({ ...asked, sort: null });
    const aborted = new AbortController();
    this.loading = true;
    const timer = setTimeout(() => {
      ask(api.GET("/api/v1/jobs", { params: { query: { ...asked, limit: FIRST } }, signal: aborted.signal })).then(
        (page) => {
          this.rows = live.current(page.jobs);
          this.#loaded = this.rows.length;
          if (asking !== this.#answered) this.#forget();
          this.#answered = asking;
          this.newer = page.newer ?? [];
          this.#next = page.next;
          this.total = totalOf(page);
          this.error = null;
          this.loading = false;
          this.stale = false;
        },
        (fault: unknown) => {
          if (aborted.signal.aborted) return;
          this.error = asApiError(fault);
          this.loading = false;
        },
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      aborted.abort();
    };
  }

  #remove(id: string): void {
    const left = this.rows.filter((row) => row.id !== id);
    if (left.length === this.rows.length) return;
    this.rows = left;
    if (this.total !== null && this.total < MOST_COUNTED) this.total -= 1;
    this.selected.delete(id);
    if (left.length === 0 && this.#next !== null) this.reload();
  }

  /** What is done with chosen jobs is not done with those that another query has taken off the list. */
  #forget(): void {
    const listed = new Set(this.rows.map((row) => row.id));
    for (const id of [...this.selected]) if (!listed.has(id)) this.selected.delete(id);
  }

  /** Changes are taken four times a second, however many jobs run. */
  #follow(): () => void {
    const changed = new Map<string, JobNews>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.onJob((job) => {
      changed.set(job.id, job);
      timer ??= setTimeout(() => {
        timer = undefined;
        this.#take(changed);
        changed.clear();
      }, NEWS_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }

  #take(changed: ReadonlyMap<string, JobNews>): void {
    const known = new Set<string>();
    this.rows = this.rows.map((row) => {
      const news = changed.get(row.id);
      if (news === undefined) return row;
      known.add(row.id);
      return { ...row, ...news };
    });
    const newest = this.rows[0]?.created_at ?? "";
    const listed = [...changed.values()].filter((news) => known.has(news.id) || filters.withSweeps || !news.sweep);
    if (filters.states.length > 0 && listed.some((news) => (known.has(news.id) ? !fits(news) : fits(news) && this.#next === null))) this.stale = true;
    if (listed.every((news) => known.has(news.id) || news.created_at <= newest)) return;
    if (this.#isPlain) void this.#arrivals.want("newest");
    else this.stale = true;
  }

  /** Whether new jobs stand above all others. */
  get #isPlain(): boolean {
    return !filters.isAny && filters.sort === "";
  }

  async #arrive(): Promise<void> {
    const before = this.#wanted;
    const pause = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const page = await ask(api.GET("/api/v1/jobs", { params: { query: { limit: FIRST, ...filters.query() } } })).catch(() => null);
    if (page !== null && before === this.#wanted) this.#prepend(page);
    await pause;
  }

  #prepend(page: Page): void {
    if (this.gone || !this.#isPlain) return;
    const fresh = this.#unknown(page);
    this.total = totalOf(page) ?? this.total;
    const isTooMany = this.rows.length + fresh.length > this.#loaded + MORE;
    if (isTooMany && this.#loaded > FIRST) this.stale = true; // somebody reads far below: they are not taken from there
    else if (isTooMany || (fresh.length === page.jobs.length && this.rows.length > 0)) this.reload();
    else this.rows = [...fresh, ...this.rows];
  }

  /** The jobs of a page that are not listed yet. */
  #unknown(page: Page): ListedJob[] {
    const known = new Set(this.rows.map((row) => row.id));
    return live.current(page.jobs.filter((job) => !known.has(job.id)));
  }
}

/** How many jobs there are, without those of the page that were deleted since; null where nobody counted. */
function totalOf({ total = null, jobs }: Page): number | null {
  if (total === null || total >= MOST_COUNTED) return total;
  return total - (jobs.length - live.current(jobs).length);
}

/** Whether a job is in a state that is asked for, and among the others as far as the news say. */
function fits(news: JobNews): boolean {
  const project = address.get("project");
  const name = (news.name ?? "").toLowerCase();
  return filters.states.includes(news.status) && (project === "" || news.project === project) && name.includes(address.get("search").toLowerCase());
}
