/** Light or dark: as the system says, or as the reader chose. Paper is always light. */

export type Choice = "system" | "light" | "dark";
const KEY = "epochal-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

class Theme {
  choice = $state<Choice>(stored());
  #dark = $state(system.matches);
  /** Paper is made: whatever scrolls shows all that it has. */
  printing = $state(false);
  /** What is seen now. */
  readonly seen: "light" | "dark" = $derived(
    this.printing ? "light"
    : this.choice === "system" ? (this.#dark ? "dark" : "light")
    : this.choice,
  );

  constructor() {
    system.addEventListener("change", () => this.#apply(() => (this.#dark = system.matches)));
    window.addEventListener("beforeprint", () => this.#apply(() => (this.printing = true)));
    window.addEventListener("afterprint", () => this.#apply(() => (this.printing = false)));
    this.#apply(() => undefined);
  }

  choose(choice: Choice): void {
    this.#apply(() => (this.choice = choice));
    localStorage.setItem(KEY, choice);
  }

  #apply(change: () => unknown): void {
    change();
    document.documentElement.dataset["theme"] = this.seen;
  }
}

function stored(): Choice {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export const theme = new Theme();
