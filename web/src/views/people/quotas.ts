/** Quotas of users and projects: their names, their units, how a form reads them, and what is used of them. */

import type { Schemas } from "../../lib/api";
import { bytes, count, number } from "../../lib/format";

export type Quotas = Schemas["Quotas"];
export type Role = Schemas["UserView"]["role"];
export const ROLES: readonly Role[] = ["admin", "member", "viewer"];

const GIB = 2 ** 30;
/** Each with its unit in a form, as a part of the API's. */
export const QUOTAS = [
  { name: "running", title: "Running", label: "Running jobs", unit: 1, text: count },
  { name: "queued", title: "Waiting", label: "Waiting jobs", unit: 1, text: count },
  { name: "gpu_hours", title: "GPU-hours", label: "GPU-hours a month", unit: 1, text: number },
  { name: "bytes", title: "Data sets", label: "Data sets, GiB", unit: GIB, text: bytes },
] as const;

type Quota = (typeof QUOTAS)[number];
type Use = Pick<Schemas["QuotaUse"], "quotas" | "used">;

/** "3 of 10", or "3" where nothing limits it. */
export function usedText({ name, text }: Quota, { quotas, used }: Use): string {
  const most = quotas[name];
  return most === null || most === undefined ? text(used[name]) : `${text(used[name])} of ${text(most)}`;
}

/** How much of a quota is used; null where nothing limits it. */
export function shareOf({ name }: Quota, { quotas, used }: Use): number | null {
  const most = quotas[name];
  if (most === null || most === undefined) return null;
  return most === 0 ? 1 : used[name] / most;
}

/** The texts of a form's fields; empty: no quota. */
export function written(quotas: Quotas): Record<string, string> {
  return Object.fromEntries(QUOTAS.map(({ name, unit }) => [name, quotas[name] === null || quotas[name] === undefined ? "" : String(quotas[name] / unit)]));
}

/** What the fields of a form say. What is no number stays as it is: the API says so at its field. */
export function read(texts: Readonly<Record<string, string>>): Record<string, number | string | null> {
  return Object.fromEntries(
    QUOTAS.map(({ name, unit }) => {
      const text = (texts[name] ?? "").trim();
      const value = Number(text);
      return [name, text === "" ? null : !Number.isFinite(value) ? text : name === "bytes" ? Math.round(value * unit) : value];
    }),
  );
}
