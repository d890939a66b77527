/** What follows the stream: asked again after changes, one question at a time, and not so often that asking is a load. */

import type { ApiError } from "./api";
import { asApiError, whenBack } from "./resource.svelte";

/** A pause is so many times as long as the question. */
const SHARE = 5;

export class Fresh<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #least: number;
  #aborted = new AbortController();
  #asking = false;
  #stale = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notBefore = 0;

  constructor(load: (signal: AbortSignal) => Promise<T>, leastMs: number) {
    this.#load = load;
    this.#least = leastMs;
    $effect(() => {
      this.#aborted = new AbortController();
      this.now();
      return () => {
        this.#aborted.abort();
        clearTimeout(this.#timer);
      };
    });
    whenBack(() => this.error, () => this.now());
  }

  /** Something has changed: ask again, after a pause. */
  stale(): void {
    this.#stale = true;
    if (this.#asking || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.now(), Math.max(this.#notBefore - performance.now(), 0));
  }

  /** Ask again at once, such as after a click. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#asking) {
      this.#stale = true;
      return;
    }
    void this.#ask(this.#aborted.signal);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    this.#asking = true;
    this.#stale = false;
    try {
      this.data = await this.#load(signal);
      this.error = null;
    } catch (error) {
      if (!signal.aborted) this.error = asApiError(error);
    }
    this.#asking = false;
    const took = performance.now() - began;
    this.#notBefore = performance.now() + Math.max(this.#least, SHARE * took);
    if (this.#stale && !signal.aborted) this.stale();
  }
}
