/** What a view asks the API for, with its error, asked again when what it depends on changes. */

import { untrack } from "svelte";
import { ApiError } from "./api";
import { live } from "./live.svelte";

export class Resource<T> {
  /** The last answer; stays while a newer one is awaited. */
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  #again = $state(0);

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    $effect(() => {
      void this.#again;
      const aborted = new AbortController();
      this.loading = true;
      load(aborted.signal).then(
        (data) => {
          if (aborted.signal.aborted) return;
          this.data = data;
          this.error = null;
          this.loading = false;
        },
        (error: unknown) => {
          if (aborted.signal.aborted) return;
          this.error = asApiError(error);
          this.loading = false;
        },
      );
      return () => aborted.abort();
    });
    whenBack(() => this.error, () => this.reload());
  }

  /** Ask again. */
  reload(): void {
    this.#again += 1;
  }
}

/** In a component: `const job = resource((signal) => ask(api.GET(..., {signal})))`; what `load` reads before its first await, it follows. */
export function resource<T>(load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  return new Resource(load);
}

/** In a component: what the API did not answer is asked again after a while, and as soon as the page has its connection back. */
export function whenBack(failed: () => ApiError | null, again: () => void): void {
  $effect(() => {
    if (live.state === "open" && untrack(failed)?.status === 0) untrack(again);
  });
  $effect(() => {
    const wait = failed()?.againMs ?? null;
    if (wait === null) return;
    const timer = setTimeout(again, wait);
    return () => clearTimeout(timer);
  });
}

/** Any fault as one that can be shown. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, error instanceof Error ? error.message : String(error));
}
