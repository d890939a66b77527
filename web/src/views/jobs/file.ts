/** The list of jobs as a file: what a job is, how it ended, its best metrics, and each field of its spec. */

import type { ListedJob } from "../../lib/api";
import { csvOf, type Cell } from "../../lib/csv";
import { leaves } from "../../lib/groups";
import { stateOf } from "../../lib/states";

const COLUMNS: Readonly<Record<string, (job: ListedJob) => Cell>> = {
  id: (job) => job.id,
  name: (job) => job.name,
  state: stateOf,
  project: (job) => job.project,
  owner: (job) => job.owner,
  tags: (job) => Object.entries(job.tags).map(([key, value]) => `${key}:${value}`).join(" "),
  sweep: (job) => job.sweep?.id,
  configuration: (job) => job.sweep?.trial,
  epoch: (job) => job.progress.epoch,
  best_epoch: (job) => job.best?.epoch,
  device: (job) => job.device,
  created_at: (job) => job.created_at,
  started_at: (job) => job.started_at,
  finished_at: (job) => job.finished_at,
};

/** The jobs as CSV, a line each; a column for each metric and each field of a spec that one of them has. Excel knows UTF-8 by the mark before it. */
export function jobsFile(jobs: readonly ListedJob[]): string {
  const metrics = [...new Set(jobs.flatMap((job) => Object.keys(job.best?.metrics ?? {})))].sort();
  const specs = jobs.map((job) => leaves(job.spec));
  const fields = [...new Set(specs.flatMap((spec) => [...spec.keys()]))];
  const table = csvOf([
    [...Object.keys(COLUMNS), ...metrics.map((name) => `best_${name}`), ...fields],
    ...jobs.map((job, i) => [
      ...Object.values(COLUMNS).map((cell) => cell(job)),
      ...metrics.map((name) => job.best?.metrics[name]),
      ...fields.map((field) => plain(specs[i]?.get(field))),
    ]),
  ]);
  return `\ufeff${table}`;
}

function plain(value: unknown): Cell {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value as Cell);
}
