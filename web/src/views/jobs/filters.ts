/** Which jobs are listed, and in what order: the address holds it all. */

import { address } from "../../lib/router.svelte";

export const STATES = ["queued", "running", "paused", "succeeded", "failed", "cancelled"] as const;
/** Filters that stand in the panel. */
export const PANEL = ["project", "dataset", "tag", "min", "max", "sweep"] as const;
const NAMES = ["search", "state", ...PANEL] as const;

export const filters = {
  get sort(): string {
    return address.get("sort");
  },
  get states(): (typeof STATES)[number][] {
    const asked = address.getAll("state");
    return STATES.filter((state) => asked.includes(state));
  },
  /** The jobs of a sweep stand in its own view: here they would bury all others. */
  get withSweeps(): boolean {
    return address.get("sweeps") === "shown";
  },
  get isAny(): boolean {
    return NAMES.some((name) => address.getAll(name).length > 0);
  },
  get isAnyOfPanel(): boolean {
    return PANEL.some((name) => address.getAll(name).length > 0);
  },
  /** All of it as a text that changes when it does. */
  get key(): string {
    return JSON.stringify([this.sort, this.withSweeps, ...NAMES.map((name) => address.getAll(name))]);
  },
  /** As the API wants it. */
  query(): Record<string, unknown> {
    return {
      status: this.states,
      search: address.get("search") || undefined,
      project: address.get("project") || undefined,
      dataset: address.get("dataset") || undefined,
      sweep: address.get("sweep") || (this.withSweeps ? undefined : "none"),
      tag: address.getAll("tag"),
      min: address.getAll("min"),
      max: address.getAll("max"),
      sort: this.sort || undefined,
    };
  },
  clear(): void {
    address.set(Object.fromEntries(NAMES.map((name) => [name, null])));
  },
};
