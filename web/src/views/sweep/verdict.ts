/** A configuration beside the best one: worse by more than chance, equal, or not decided. */

import type { Schemas } from "../../lib/api";

export interface Verdict {
  readonly text: string;
  readonly tone: "good" | "bad" | "wait" | "";
  readonly title: string;
}

export const BEST: Verdict = { text: "best", tone: "good", title: "The best mean" };

/** As in sweeps/statistics.py: means that differ by less are equal. */
const EQUAL = 1e-12;

/** Two digits, and more where two would round one below 0.05 up to it: as in spec/p_values.py. */
function pText(p: number): string {
  const digits = [2, 3, 4, 5].find((count) => p >= 0.05 || Number(p.toPrecision(count)) < 0.05);
  return p.toPrecision(digits ?? 8);
}

export function verdictOf(other: Schemas["PairView"] | undefined): Verdict {
  if (other === undefined || other.p === null) return { text: "–", tone: "", title: "One seed says nothing of chance" };
  const title = `p ${other.p < 0.001 ? "< 0.001" : `= ${pText(other.p)}`}, paired t-test with Holm's correction`;
  if (other.p < 0.05) return { text: "worse", tone: "bad", title };
  const more = other.more_needed;
  if (more) return { text: `${more} more ${more === 1 ? "seed" : "seeds"} needed`, tone: "wait", title: `${title}; so many would decide whether it is worse` };
  return { text: Math.abs(other.difference) < EQUAL ? "equal" : "not decided", tone: "wait", title };
}
