/** What this browser remembers of lessons: predictions, and which lessons were run. */

interface Kept {
  /** The number of the answer that was chosen; the first is 1. */
  readonly prediction?: number;
  readonly done?: boolean;
}

const KEY = "epochal-lessons";

class Progress {
  #kept = $state.raw<Readonly<Record<string, Kept>>>(stored());

  of(lesson: string): Kept {
    return this.#kept[lesson] ?? {};
  }

  keep(lesson: string, what: Kept): void {
    this.#kept = { ...this.#kept, [lesson]: { ...this.of(lesson), ...what } };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

function stored(): Readonly<Record<string, Kept>> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, Kept>;
  } catch {
    return {};
  }
}

export const progress = new Progress();
