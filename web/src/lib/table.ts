/** What a table shows: see Table.svelte. The arithmetic of its window stands here, where it is tested. */

import type { Snippet } from "svelte";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** What a cell shows: a text, or a snippet for more. */
  readonly text?: (row: Row) => string;
  readonly cell?: Snippet<[Row]>;
  /** px; the columns without one share what is left. */
  readonly width?: number;
  readonly right?: boolean;
  /** The field by which a click on the title sorts. */
  readonly sort?: string;
  /** First order of a click: the largest first. */
  readonly descending?: boolean;
  /** Stays when the table is narrow. */
  readonly narrow?: boolean;
  /** On hover, what the title means. */
  readonly hint?: string;
}

/** Rows that are drawn above and below what is seen. */
export const SPARE = 8;

/** The rows that are drawn: [first, last), some more than are seen. */
export function visible(top: number, height: number, row: number, total: number, more = SPARE): { first: number; last: number } {
  const first = Math.max(0, Math.min(total, Math.floor(top / row) - more));
  return { first, last: Math.min(total, Math.ceil((top + height) / row) + more) };
}

/** The order after a click on a title: its first order, then the other, then none. */
export function nextSort(now: string, field: string, descending: boolean): string {
  const [first, second] = descending ? [`-${field}`, field] : [field, `-${field}`];
  return now === first ? second : now === second ? "" : first;
}
