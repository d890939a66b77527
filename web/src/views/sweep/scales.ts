/** Which axes a reader has made logarithmic or linear, as the address holds it; the others are as their values are. */

import type { Axis } from "../../lib/axes";

export interface Scales {
  readonly log: readonly string[];
  readonly linear: readonly string[];
}

/** What `axisOf` takes. */
export function isLog({ log, linear }: Scales, path: string): boolean | undefined {
  return log.includes(path) ? true : linear.includes(path) ? false : undefined;
}

/** With the other scale for this axis. */
export function turned({ log, linear }: Scales, axis: Axis): Scales {
  const others = (paths: readonly string[]): string[] => paths.filter((path) => path !== axis.path);
  const isLog = axis.scale === "log";
  return { log: [...others(log), ...(isLog ? [] : [axis.path])], linear: [...others(linear), ...(isLog ? [axis.path] : [])] };
}
