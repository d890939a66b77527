/** What is compared, and how: the address holds it all. */

import { COMPARED, type Along } from "../../lib/groups";
import { address } from "../../lib/router.svelte";

export const choice = {
  /** The jobs of the address, also those beyond the most. */
  get addressed(): string[] {
    return [...new Set(address.getAll("ids").flatMap((text) => text.split(",")).filter((id) => id !== ""))];
  },
  get ids(): string[] {
    return this.addressed.slice(0, COMPARED);
  },
  /** The field whose values make groups; "" for each job by itself. */
  get by(): string {
    return address.get("group");
  },
  get along(): Along {
    return address.get("along") === "seconds" ? "seconds" : "epoch";
  },
  get log(): boolean {
    return address.get("log") === "1";
  },
  get smoothing(): number {
    return Math.min(0.99, Math.max(0, address.number("smooth", 0)));
  },
  /** Lines that are not drawn, by their keys: jobs by their ids, groups by their names. */
  get hides(): string[] {
    return address.getAll("hide");
  },
  add(ids: Iterable<string>): void {
    address.set({ ids: [...this.ids, ...ids].join(",") });
  },
  remove(id: string): void {
    address.set({ ids: this.addressed.filter((one) => one !== id).join(","), hide: this.hides.filter((one) => one !== id) });
  },
  toggle(key: string): void {
    address.set({ hide: this.hides.includes(key) ? this.hides.filter((one) => one !== key) : [...this.hides, key] });
  },
  groupBy(field: string): void {
    address.set({ group: field, hide: null });
  },
};
