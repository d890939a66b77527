/** How far each configuration of a bracket came, from the epochs that it trained. Every function is pure. */

export interface Table {
  readonly number: readonly number[];
  readonly generation: readonly number[];
  readonly state: readonly string[];
  readonly score: readonly (number | null)[];
  readonly epochs: readonly number[];
}

export interface Fate {
  readonly number: number;
  readonly state: string;
  readonly score: number | null;
  /** Of each of its jobs. */
  readonly epochs: number;
}

/** The configurations of one generation. */
export function fate(table: Table, generation: number, replicates: number, whole: number): Fate[] {
  return table.number.flatMap((number, i) => {
    if (table.generation[i] !== generation) return [];
    const state = table.state[i] ?? "open";
    const epochs = Math.round((table.epochs[i] ?? 0) / replicates);
    return [{ number, state, score: table.score[i] ?? null, epochs: state === "finished" ? whole : epochs }];
  });
}

export interface Column {
  readonly epoch: number;
  /** How many arrived here. */
  readonly alive: number;
  /** How many went on. */
  readonly after: number;
}

export interface Lane extends Fate {
  /** From the top, the same in every column: who came further is above, then who scored better. */
  readonly rank: number;
  /** The last column that it reached. */
  readonly passed: number;
}

/** Columns at the start, at each epoch where some were pruned, and at the end; the configurations in order. */
export function lanes(fates: readonly Fate[], whole: number, higher: boolean): { columns: Column[]; rows: Lane[] } {
  const stops = [...new Set(fates.filter((one) => one.state === "pruned").map((one) => one.epochs))].sort((a, b) => a - b);
  const epochs = [0, ...stops.filter((epoch) => epoch > 0 && epoch < whole), whole];
  const rows = [...fates].sort((a, b) => b.epochs - a.epochs || better(a.score, b.score, higher) || a.number - b.number);
  const columns = epochs.map((epoch) => {
    const alive = fates.filter((one) => one.epochs >= epoch).length;
    const pruned = fates.filter((one) => one.state === "pruned" && one.epochs === epoch).length;
    return { epoch, alive, after: alive - pruned };
  });
  const passed = (one: Fate): number => epochs.findLastIndex((epoch) => one.epochs >= epoch);
  return { columns, rows: rows.map((one, rank) => ({ ...one, rank, passed: passed(one) })) };
}

function better(a: number | null, b: number | null, higher: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return higher ? b - a : a - b;
}

/** The generations in which something was pruned, or all when none was. */
export function brackets(table: Table): number[] {
  return [...new Set(table.generation)].sort((a, b) => a - b);
}
