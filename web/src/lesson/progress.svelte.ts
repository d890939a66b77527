/** What this browser remembers of lessons, of each person who signs in to it: predictions, and which lessons were run. */

import { account } from "../lib/account.svelte";

interface Kept {
  /** The number of the answer that was chosen; the first is 1. */
  readonly prediction?: number;
  readonly done?: boolean;
}

/** By lesson. */
type Lessons = Readonly<Record<string, Kept>>;

const KEY = "epochal-lessons-of";

class Progress {
  /** By person: in a class, several sit at one computer after each other. */
  #kept = $state.raw<Readonly<Record<string, Lessons>>>(stored());

  of(lesson: string): Kept {
    return this.#mine[lesson] ?? {};
  }

  keep(lesson: string, what: Kept): void {
    this.#kept = { ...this.#kept, [this.#who]: { ...this.#mine, [lesson]: { ...this.of(lesson), ...what } } };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }

  get #who(): string {
    return account.person?.owner ?? "";
  }

  get #mine(): Lessons {
    return this.#kept[this.#who] ?? {};
  }
}

function stored(): Readonly<Record<string, Lessons>> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, Lessons>;
  } catch {
    return {};
  }
}

export const progress = new Progress();
