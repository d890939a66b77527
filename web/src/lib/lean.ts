/** A job's spec without the fields that have their defaults anyway. */

import { defaults, schemas } from "./json";

export function without(spec: Readonly<Record<string, unknown>>, usual: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec).filter(([field, value]) => value !== null && JSON.stringify(value) !== JSON.stringify(usual[field] ?? null)),
  );
}

/** The same, with the defaults of our own description. */
export async function lean(spec: object): Promise<Record<string, unknown>> {
  return without({ ...spec }, defaults("JobSpec-Output", await schemas()));
}
