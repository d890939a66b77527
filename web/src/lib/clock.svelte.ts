/** One clock for every relative time of the page, the server's; it stands still while nobody looks. */

import { aheadBy } from "./format";

class Clock {
  /** ms that the server's clock is ahead of this one. */
  #ahead = 0;
  /** ms since 1970. */
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.#tick();
    }, 1000);
    document.addEventListener("visibilitychange", () => this.#tick());
  }

  /** Go by the `Date` of an answer that has just come. */
  follow(date: string | null): void {
    this.#ahead = aheadBy(date, Date.now());
    this.#tick();
  }

  #tick(): void {
    this.now = Date.now() + this.#ahead;
  }
}

export const clock = new Clock();
