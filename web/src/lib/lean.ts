/** A job's spec without the fields that have their defaults anyway. */

import { defaults, isRecord, schemas } from "./json";

export function without(spec: Readonly<Record<string, unknown>>, usual: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec).filter(([field, value]) => value !== null && JSON.stringify(value) !== JSON.stringify(usual[field] ?? null)),
  );
}

/** What one would write to get this job again: without defaults, versions, and what the service knows of a data set. */
export function written(spec: object, usual: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { version: _, ...fields } = without({ ...spec }, usual);
  const dataset = fields["dataset"];
  if (isRecord(dataset)) fields["dataset"] = Object.fromEntries(Object.entries(dataset).filter(([key]) => key !== "info" && key !== "sha256"));
  return fields;
}

/** The same, with the defaults of our own description. */
export async function lean(spec: object): Promise<Record<string, unknown>> {
  return written(spec, defaults("JobSpec-Output", await schemas()));
}
