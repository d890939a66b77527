/** The metrics of a job's best epoch, by part of the data. */

import { isOfOneTarget } from "../../lib/format";

type Metrics = Readonly<Record<string, number | null>>;

/** [`loss`, {train, val, test}], and so for each metric that has a part, without those of one of several targets; the loss first. */
export function figuresOf(metrics: Metrics): [metric: string, parts: Metrics][] {
  const found = new Map<string, Metrics>();
  for (const [key, value] of Object.entries(metrics)) {
    const [, part = "", name = ""] = /^(train|val|test)_(.+)$/.exec(key) ?? [];
    if (part !== "" && !isOfOneTarget(name)) found.set(name, { ...found.get(name), [part]: value });
  }
  return [...found].sort(([a], [b]) => Number(b === "loss") - Number(a === "loss") || a.localeCompare(b));
}
