/** What a table shows: see Table.svelte. The arithmetic of its window stands here, where it is tested. */

import type { Snippet } from "svelte";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** What a cell shows: a text, or a snippet for more, which is told whether the table is narrow. */
  readonly text?: (row: Row) => string;
  readonly cell?: Snippet<[Row, boolean]>;
  /** px; the columns without one share what is left. */
  readonly width?: number;
  /** px; of a column without a width: the others become narrower before it has less, and then the table scrolls sideways. */
  readonly least?: number;
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

/** A column is never squeezed more: its longest word must fit. */
const TIGHTEST = 0.92;
/** px of a column that says nothing of its width. */
const LEAST = 96;

/** Rows that are drawn above and below what is seen. */
export const SPARE = 8;

/** The rows that are drawn: [first, last), some more than are seen. */
export function visible(top: number, height: number, row: number, total: number, more = SPARE): { first: number; last: number } {
  const first = Math.max(0, Math.min(total, Math.floor(top / row) - more));
  return { first, last: Math.min(total, Math.ceil((top + height) / row) + more) };
}

/** What the widths of columns are multiplied by, so that those without one have what they need at least. */
export function squeezed(columns: readonly Column<never>[], width: number): number {
  const sum = (of: (column: Column<never>) => number | undefined): number => columns.reduce((all, column) => all + (of(column) ?? 0), 0);
  const [fixed, least] = [sum((column) => column.width), sum((column) => column.least)];
  return least === 0 || fixed === 0 ? 1 : Math.min(1, Math.max(TIGHTEST, (width - least) / fixed));
}

/** px that these columns need together; a table with less space scrolls sideways, so that none of them is lost. */
export function needed(columns: readonly Column<never>[], scale: number): number {
  return columns.reduce((all, { width, least = LEAST }) => all + (width === undefined ? least : width * scale), 0);
}

/** The order after a click on a title: its first order, then the other, then none. */
export function nextSort(now: string, field: string, descending: boolean): string {
  const [first, second] = descending ? [`-${field}`, field] : [field, `-${field}`];
  return now === first ? second : now === second ? "" : first;
}

/** The keys from the last one that was chosen to this one; this one alone where that is not in the table any more. */
export function range(keys: readonly string[], last: string | null, index: number): readonly string[] {
  const from = last === null ? -1 : keys.indexOf(last);
  return from < 0 ? keys.slice(index, index + 1) : keys.slice(Math.min(from, index), Math.max(from, index) + 1);
}
